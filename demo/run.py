# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make demo: a shop is deployed, upgraded under its customers, and comes back from an upgrade that fails."""

from __future__ import annotations

import fcntl
import os
import sys
import time

from check import (databases_are, jobs_done_once, orders_are_there, pictures_are_there, schema_is, services_are, serves,
                   totals_are_right)
from client import ONE_NAME, PRODUCTS, Client, upload_picture
from lab import HERE, Lab
from stop import LABS, stop_finished
from story import Story
from steps import seconds_of_steps, what_failed

SERVICES = {"app1": {"web": True, "cron": True}, "app2": {"web": True},
            "consumer1": {"consumer@1": True, "consumer@2": False}}


class Demo:
    def __init__(self, lab, story):
        self.lab = lab
        self.story = story
        self.client = None
        self.pictures = {}
        self.windows = {}

    def run(self):
        with self.story.step("PostgreSQL, supervisor and nginx for three hosts"):
            self.lab.start()
        self.client = Client({host: self.lab.address(host) for host in self.lab.apps})
        self.deploy()
        self.upgrade()
        self.fail_to_upgrade()
        self.summary()

    def deploy(self):
        story, lab = self.story, self.lab
        story.heading("1  Deploy 1.0.0, and open the shop")
        self.play("deploy", "build the package, install it on three hosts", reference="1.0.0")
        for product in PRODUCTS:
            content = (HERE / "pictures" / (product + ".svg")).read_bytes()
            upload_picture(lab.address("app1"), lab.secrets["upload_token"], product, content)
            self.pictures["/media/products/%s.svg" % product] = content
        with story.step("customers order, %d times a second, on both hosts" % self.client.rate):
            self.client.start()
            time.sleep(4)
        name = next(info["name"] for info in lab.supervisor("consumer1").getAllProcessInfo()
                    if info["name"].endswith("consumer@2"))
        lab.supervisor("consumer1").stopProcess("%s:%s" % (name, name))
        story.say("one of the two consumers is stopped by hand")
        self.claims("1.0.0")

    def upgrade(self):
        self.story.heading("2  Upgrade to 1.1.0 while they order")
        begun = time.time()
        self.play("upgrade", "build, then upgrade", reference="1.1.0")
        self.tell_steps()
        time.sleep(2)
        self.tell_windows("1.1.0", begun)
        self.claims("1.1.0")
        self.story.claim("every order has its new number, and a total that is the sum of its lines",
                         totals_are_right(self.lab))

    def fail_to_upgrade(self):
        story, lab = self.story, self.lab
        story.heading("3  Upgrade to 1.2.0, whose migration fails half-way")
        story.say("1.2.0 splits names in two, row by row, each for good; the customer %s has only one" % ONE_NAME)
        self.client.order("app1", ONE_NAME)
        begun = time.time()
        result = self.play("upgrade", "build, then try to upgrade", expected=False, reference="1.2.0")
        self.tell_steps()
        said = what_failed(lab, result.output)
        story.say("Slipway says:")
        story.quote(said)
        time.sleep(2)
        self.tell_windows("1.2.0", begun)
        story.claim("it says what failed, with the application's own error",
                    [] if "cannot split the name '%s'" % ONE_NAME in said else ["not found in its output"])
        self.claims("1.1.0")
        story.claim("no half-made or spare database is left behind", databases_are(lab, ["shop"]))

    def summary(self):
        story, client = self.story, self.client
        client.stop()
        story.heading("4  In short")
        accepted = client.accepted()
        kinds = [event.kind for event in client.events]
        story.say("%d orders accepted; %d requests refused, each told when to come back; %d errors"
                  % (len(accepted), kinds.count("refused"), kinds.count("error")))
        story.say("1.0.0 to 1.1.0: maintenance of %(1.1.0).1f s, as customers saw it\n"
                  "1.1.0 to 1.2.0: failed and undone, maintenance of %(1.2.0).1f s" % self.windows)
        story.claim("customers met nothing but a working shop and polite refusals",
                    sorted({event.detail for event in client.events if event.kind == "error"})[:5])
        story.claim("nothing of it all was lost: %d of %d orders are there" % (len(accepted), len(accepted)),
                    orders_are_there(self.lab, accepted))
        story.claim("nothing was done twice or forgotten: one job, one run, one parcel for each",
                    jobs_done_once(self.lab, accepted))

    # Parts of it

    def play(self, playbook, text, expected=True, **variables):
        result = self.lab.playbook(playbook, echo=self.story.watch, **variables)
        logs = self.lab.directory / "logs"
        logs.mkdir(exist_ok=True)
        (logs / ("%s %s.log" % (playbook, variables["reference"]))).write_text(result.output, encoding="utf-8")
        self.story.seconds(text, result.seconds)
        if (result.rc == 0) != expected:
            self.story.quote(result.output)
            raise SystemExit("The playbook %s ended with %d." % (playbook, result.rc))
        return result

    def tell_steps(self):
        """Seconds of each step, as the journals of the hosts have them."""
        for step, seconds in seconds_of_steps(self.lab):
            self.story.seconds("    " + step, seconds)

    def tell_windows(self, version, begun):
        for host in self.lab.apps:
            windows = self.client.windows(begun, host)
            self.windows[version] = max([self.windows.get(version, 0)] + [window.seconds for window in windows])
            if windows:
                self.story.say("customers at %s saw maintenance for %s" % (host, " and ".join(
                    "%.1f s (%d requests refused, each told when to come back)" % (window.seconds, window.refused)
                    for window in windows)))
            else:  # so nothing of what they did not see proves anything
                self.story.claim("customers at %s saw maintenance" % host, ["not one of their requests was refused"])

    def claims(self, version):
        """What must be so after every act."""
        accepted, claim = self.client.accepted(), self.story.claim
        claim("both hosts serve, healthy, %s" % version, serves(self.lab, version))
        claim("the database has the schema of %s" % version, schema_is(self.lab, version))
        claim("all %d orders accepted so far are there" % len(accepted), orders_are_there(self.lab, accepted))
        claim("each of their jobs was done exactly once", jobs_done_once(self.lab, accepted))
        claim("the uploaded pictures are there", pictures_are_there(self.lab, self.pictures))
        claim("web, cron and one consumer run, the stopped consumer does not", services_are(self.lab, SERVICES))


def main():
    story = Story()
    print(story.paint("1", "Slipway demo: a web shop is upgraded while its customers order"))
    stop_finished(story.say)
    directory = LABS / time.strftime("%H%M%S-{}".format(os.getpid()))
    directory.mkdir(parents=True)
    lab = Lab(directory)
    with open(directory / "running", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            Demo(lab, story).run()
        except BaseException:
            lab.stop()
            raise
    story.heading("The shop is open: %s" % lab.address("app1"))
    story.say("What Ansible printed is in %s." % (directory / "logs"))
    story.say("make demo-stop ends it and removes everything.")
    story.say("This took %.0f seconds." % (time.monotonic() - story.begun))
    if story.failed:
        sys.exit("%d claims are NOT SO: %s" % (len(story.failed), "; ".join(story.failed)))


if __name__ == "__main__":
    main()
