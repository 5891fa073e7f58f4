# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What users see during maintenance: a page for people, JSON for programs. And the application's own pages, for errors as well."""

from __future__ import annotations

import datetime
import html as markup
import json
import os

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import atomic_write, make_own_dir, read_within
from ansible_collections.slipway.app.plugins.module_utils._release.disk import RESERVED

LARGEST = 1024 * 1024  # bytes of a page

# One file, nothing loaded from elsewhere: there is no application to load it from. It asks again by itself. The time is
# shown in UTC, and in the visitor's own time zone where scripts run.
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="@refresh@">
<meta name="color-scheme" content="light dark">
<title>We will be right back</title>
<style>
  :root { --sky: #eef3f8; --card: #ffffff; --ink: #15202b; --soft: #52606d; --line: #dbe3ea; --accent: #0b6bcb; }
  @media (prefers-color-scheme: dark) {
    :root { --sky: #0d1319; --card: #151d25; --ink: #edf2f7; --soft: #9fb0c0; --line: #263340; --accent: #6cb6ff; }
  }
  * { box-sizing: border-box; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.25rem; background: var(--sky);
    color: var(--ink); font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
  main { width: 100%; max-width: 33rem; background: var(--card); border: 1px solid var(--line); border-radius: 1.25rem;
    padding: clamp(1.75rem, 6vw, 3rem); box-shadow: 0 1.5rem 3rem -2rem rgba(10, 30, 60, .35); }
  svg { display: block; width: 4.5rem; height: 4.5rem; margin-bottom: 1.5rem; color: var(--accent); }
  .boat { animation: float 4s ease-in-out infinite; transform-origin: 50% 75%; }
  @keyframes float { 0%, 100% { transform: rotate(-3deg); } 50% { transform: translateY(-2px) rotate(3deg); } }
  @media (prefers-reduced-motion: reduce) { .boat { animation: none; } }
  h1 { margin: 0 0 .75rem; font-size: clamp(1.6rem, 5vw, 2.1rem); line-height: 1.2; letter-spacing: -.02em; text-wrap: balance; }
  p { margin: 0; overflow-wrap: anywhere; white-space: pre-line; text-wrap: pretty; }
  .back { margin-top: 1.75rem; padding-top: 1.25rem; border-top: 1px solid var(--line); color: var(--soft);
    font-size: .9375rem; white-space: normal; }
  time { color: var(--ink); font-weight: 600; white-space: nowrap; }
</style>
</head>
<body>
<main>
<svg viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"
  stroke-linejoin="round" aria-hidden="true">
  <g class="boat"><path d="M24 6v24M24 8l13 19H24M24 13L12 27h12"/><path d="M7 32h34l-5 8H12z"/></g>
  <path d="M4 45c3 0 3-2 6.5-2s3.5 2 6.5 2 3.5-2 7-2 3.5 2 7 2 3.5-2 6.5-2 3.5 2 6.5 2" opacity=".5"/>
</svg>
<h1>We will be right back</h1>
<p>@message@</p>
<p class="back">Expected back by <time datetime="@end@">@readable@</time>. This page refreshes itself.</p>
</main>
<script>
  var end = document.querySelector("time"), when = new Date(end.dateTime);
  if (when < new Date()) end.parentNode.textContent = "It takes a little longer. This page refreshes itself.";
  else end.textContent = when.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"});
</script>
</body>
</html>
"""


def html(message, since, expected_seconds):
    """The page for people."""
    end = _end(since, expected_seconds)
    values = {"message": markup.escape(message), "end": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
              "readable": end.strftime("%H:%M UTC"), "refresh": str(max(5, min(30, expected_seconds)))}
    # The message comes last: a value in it that looks like one of ours stays as it is.
    page = _PAGE
    for name in ("end", "readable", "refresh", "message"):
        page = page.replace("@%s@" % name, values[name])
    return page


def json_text(message, since, expected_seconds):
    """The answer for programs."""
    return json.dumps({
        "status": 503, "error": "maintenance", "message": message, "since": since,
        "expected_end": _end(since, expected_seconds).strftime("%Y-%m-%dT%H:%M:%SZ"), "retry_after": expected_seconds,
    }, ensure_ascii=False) + "\n"


def page_of(release_path, page, key="maintenance.page"):
    """The text of a release's own page, which slipway.yml names as key; None where it has none.

    It is shown to everybody, and read as root: nothing but a file of the release is, and no link to somewhere else.
    """
    if page is None:
        return None
    try:
        return read_within(release_path, page, LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SlipwayError("The page %s cannot be read: %s." % (os.path.join(release_path, page), getattr(error, "strerror", None) or error),
                           hint="slipway.yml names it as %s: a file of the package, without links on its way, in UTF-8 and of at most "
                                "%d bytes." % (key, LARGEST)) from error


def page_or_ours(release_path, page, tell):
    """The same of the release that is live: where its page cannot be read, users see the collection's own; tell(sentence) has why.

    It was packaged when other rules may have held, and somebody needs a page now.
    """
    try:
        return page_of(release_path, page)
    except SlipwayError as error:
        tell("Users see the collection's own page. " + error.message)
        return None


def put_error_pages(release_path, pages):
    """Put the pages that slipway.yml names (error_pages, by status) where the web server looks for those of a release."""
    texts = {status: page_of(release_path, page, "error_pages.%s" % status) for status, page in pages.items()}
    folder = os.path.join(release_path, RESERVED, "errors")
    for status, text in texts.items():
        make_own_dir(folder)
        atomic_write(os.path.join(folder, status + ".html"), text, 0o644)


def _end(since, expected_seconds):
    begun = datetime.datetime.strptime(since, "%Y-%m-%dT%H:%M:%S.%fZ")
    return begun + datetime.timedelta(seconds=expected_seconds)
