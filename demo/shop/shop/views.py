# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import hmac
import json

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST, require_safe

from shop.models import DailyTotal, Order, Product
from shop.order_columns import shown
from shop.orders import OrderForm, parse_lines, place

PICTURES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}
PICTURE_LIMIT = 2 * 1024 * 1024


def about(request):
    """For the foot of every page."""
    return {"version": settings.VERSION, "release": settings.RELEASE.name}


@require_safe
def window(request):
    return render(request, "shop/window.html", {
        "products": Product.objects.all(), "today": DailyTotal.objects.order_by("-day").first(),
        "latest": [shown(order) for order in Order.objects.prefetch_related("lines")[:8]]})


@require_safe
def product(request, slug):
    return render(request, "shop/product.html", {"product": get_object_or_404(Product, slug=slug),
                                                 "form": OrderForm()})


@csrf_exempt
@require_POST
def picture(request, slug):
    """Take a product's picture from the shopkeeper, who shows the token."""
    shown_token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.UPLOAD_TOKEN or not hmac.compare_digest(shown_token, settings.UPLOAD_TOKEN):
        return JsonResponse({"error": "only the shopkeeper may do this"}, status=403)
    upload = request.FILES.get("picture")
    if not upload or upload.content_type not in PICTURES or upload.size > PICTURE_LIMIT:
        return JsonResponse({"error": "picture: SVG, PNG or JPEG up to 2 MiB"}, status=400)
    item = get_object_or_404(Product, slug=slug)
    item.picture.delete(save=False)
    item.picture.save("%s.%s" % (slug, PICTURES[upload.content_type]), upload)
    return JsonResponse({"picture": item.picture.url}, status=201)


@csrf_exempt
def orders(request):
    """GET lists the latest orders; POST takes one, as JSON from programs or as a form from a page."""
    if request.method == "GET":
        latest = Order.objects.prefetch_related("lines")[:100]
        return JsonResponse({"orders": [shown(order) for order in latest], "count": Order.objects.count()})
    return (order_by_api if request.content_type == "application/json" else order_by_page)(request)


@require_POST
def order_by_api(request):
    try:
        body = json.loads(request.body)
        form, lines = OrderForm(body), parse_lines(body.get("lines"))
    except (ValueError, AttributeError) as error:
        return JsonResponse({"error": str(error)}, status=400)
    if not form.is_valid():
        return JsonResponse({"error": form.errors}, status=400)
    placed, made = place(form.cleaned_data, lines)
    return JsonResponse(shown(placed), status=201 if made else 200)


@csrf_protect
@require_POST
def order_by_page(request):
    form = OrderForm(request.POST)
    try:
        lines = parse_lines([{"product": request.POST.get("product"), "quantity": request.POST.get("quantity")}])
    except ValueError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    if not form.is_valid():
        return render(request, "shop/product.html", {"product": lines[0][0], "form": form}, status=400)
    placed, _made = place(form.cleaned_data, lines)
    return redirect("order", placed.id)


@require_GET
def order(request, order_id):
    found = get_object_or_404(Order.objects.prefetch_related("lines__product", "fulfilments"), pk=order_id)
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse(shown(found))
    return render(request, "shop/order.html", {"order": found, "shown": shown(found)})
