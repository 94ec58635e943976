"""What programs write: mailing lists, monitoring, code hosting, build results, bounces."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from scorelane.sample import layout, mime
from scorelane.sample.bodies import company, personal
from scorelane.sample.delivery import Letter, Scene, deliver, message_id
from scorelane.sample.grammar import capitalised, say, some
from scorelane.sample.kinds.conversation import work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

_TECH: Mapping[str, Sequence[str]] = {
    "project": "tarnet libfold quickmap ormolu pebbledb hexlog rivulet gridfs-tools nanoshell tinyroute".split(),
    "object": (
        "the parser", "the config loader", "the scheduler", "the IPv6 path", "the test suite", "the lock file",
        "the cache", "the build script", "the man page", "the TLS handshake", "the migration", "the index",
    ),
    "fault": (
        "segfaults", "hangs", "leaks memory", "returns the wrong offset", "ignores the timeout", "drops the last line",
        "is slow on large input", "fails on big-endian", "needs a newer compiler", "prints a warning",
    ),
    "n": [str(n) for n in range(2, 40)],
    "host": "web-03 db-01 cache-7 mail-2 build-11 edge-4 store-9".split(),
}  # fmt: skip
_POSTS = (
    "{since|after} {version|release} <n>.<n> <object> <fault> {on {Debian|FreeBSD|Alpine}|when {threads|locale} are set|"
    "with more than <n>000 entries}.",
    "{I bisected it to|it looks related to|this was introduced by} {commit <hash>|the change in <object>|last month's merge}.",
    "{can anybody reproduce|has anyone seen} this{?| on another machine?| with the current master?}",
    "{the attached patch|the patch below|v<n> of this series} {fixes|reworks|simplifies} <object>{.| and adds a test.}",
    "{I would rather|could we} {keep the old behaviour|document it|make it an option|move this out of <object>}{.|?}",
    "{applied|thanks, applied|merged to master}, {with a small change|will be in <n>.<n>|please test}.",
    "{the documentation says|section <n> of the manual says} {otherwise|the opposite|nothing about it}.",
)


def _slots(scene: Scene) -> dict[str, Sequence[str] | str]:
    return {**_TECH, "hash": scene.token(40)}


def list_post(scene: Scene) -> Letter:
    """A post of a mailing list, with its footer."""
    rng = scene.rng
    author = rng.choice(scene.world.friends + scene.world.partners)
    project = rng.choice(_TECH["project"])
    name = f"{project}-{rng.choice(('users', 'devel', 'announce'))}"
    domain = f"lists.{project}.example"
    posts = [capitalised(say(rng, post, _slots(scene))) for post in some(rng, _POSTS, 2, 6)]
    subject = say(
        rng,
        "{<object> <fault>|[PATCH v<n>] {fix|rework} <object>|question about <object>|<object> {slow|broken} in <n>.<n>}",
        _slots(scene),
    )
    paragraphs = ["Hi,", *posts, author.first]
    letter = Letter((author.name, author.address), f"[{name}] {subject}", mime.text(rng, "x"), "list")
    if rng.random() < 0.6:
        earlier = message_id(scene, "desktop", "example.org")
        letter.extra += [("In-Reply-To", earlier), ("References", earlier)]
        letter.subject = f"Re: {letter.subject}"
        quoted = capitalised(say(rng, rng.choice(_POSTS), _slots(scene)))
        paragraphs.insert(1, f"{rng.choice(scene.world.friends).name} wrote:\n> {quoted}")
    if rng.random() < 0.3:
        paragraphs.insert(-1, f"--- a/src/{project}.c\n+++ b/src/{project}.c\n@@ -{rng.randint(1, 400)},3 +{rng.randint(1, 400)},4 @@\n"
                              "-    if (len > max)\n+    if (len >= max)\n         return -1;")  # fmt: skip
    footer = f"{'_' * 47}\n{name} mailing list\n{name}@{domain}\nhttps://{domain}/mailman/listinfo/{name}"
    letter.body = mime.text(rng, "\n\n".join([*paragraphs, footer]) + "\n")
    letter.to = [("", f"{name}@{domain}")]
    letter.envelope_from = f"{name}-bounces@{domain}"
    letter.host = domain
    letter.signed_by = rng.choice((None, domain, ""))
    letter.dkim = rng.choice(("pass", "fail"))
    letter.extra += [
        ("List-Id", f"<{name}.{domain}>"), ("List-Post", f"<mailto:{name}@{domain}>"), ("Precedence", "list"),
        ("List-Unsubscribe", f"<https://{domain}/mailman/options/{name}>, <mailto:{name}-request@{domain}?subject=unsubscribe>"),
        ("X-Mailman-Version", "3.3.8"), ("Errors-To", f"{name}-bounces@{domain}"),
    ]  # fmt: skip
    return letter


def monitoring(scene: Scene) -> Letter:
    """An alert or a report of a machine to those who run it."""
    rng = scene.rng
    home = scene.world.home
    host = f"{rng.choice(_TECH['host'])}.{home}"
    form = rng.randrange(3)
    if form == 0:
        state = rng.choice(("CRITICAL", "WARNING", "RECOVERED", "OK"))
        check = rng.choice(("disk /var", "load", "replication lag", "certificate expiry", "queue depth", "ping"))
        text = (f"Notification type: {state}\nService: {check}\nHost: {host}\nTime: {format_datetime(scene.when)}\n\n"
                f"Value {rng.randint(1, 99)}, limits {rng.randint(60, 80)}/{rng.randint(81, 99)}\nhttps://monitor.{home}/alerts/{rng.randint(1, 99999)}\n")  # fmt: skip
        subject, sender = f"[{state}] {check} on {host}", ("Monitoring", f"alerts@{home}")
    elif form == 1:
        lines = "\n".join(f"{scene.when - timedelta(minutes=7 * n):%b %d %H:%M:%S} {host.partition('.')[0]} backup[{rng.randint(100, 9999)}]: "
                          f"{rng.choice(('done', 'copied', 'skipped', 'verified'))} {rng.randint(1, 9999)} files" for n in range(rng.randint(4, 20)))  # fmt: skip
        text, subject = lines + "\n", f"Cron <root@{host}> /usr/local/bin/backup"
        sender = ("Cron Daemon", f"root@{host}")
    else:
        project = rng.choice(_TECH["project"])
        state = rng.choice(("passed", "failed", "was cancelled", "fixed"))
        text = (f"Build #{rng.randint(1, 9999)} of {project} {state}.\n\nCommit {scene.token(40)} by {rng.choice(scene.world.staff).name}\n"
                f"Duration {rng.randint(1, 50)} min\n\nhttps://ci.{home}/{project}/builds/{rng.randint(1, 9999)}\n")  # fmt: skip
        subject, sender = f"[{project}] build {state}", ("CI", f"ci@{home}")
    letter = Letter(sender, subject, mime.text(rng, text), "script")
    letter.extra.append(("Auto-Submitted", "auto-generated"))
    return letter


def code_review(scene: Scene) -> Letter:
    """A code-hosting or ticket service's notification of a comment."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["cloud"])
    author = rng.choice(scene.world.staff)
    project, number = rng.choice(_TECH["project"]), rng.randint(1, 5000)
    posts = [capitalised(say(rng, post, _slots(scene))) for post in some(rng, _POSTS, 1, 4)]
    url = f"https://{brand.domain}/{project}/issues/{number}"
    blocks = [layout.para(f"{author.name} commented:"), *map(layout.para, posts),
              layout.Block("small", "Reply to this email directly or view it online", url)]  # fmt: skip
    subject = say(rng, f"Re: [{project}] <object> <fault> (#{number})", _slots(scene))
    letter = Letter((author.name, f"notifications@{brand.domain}"), subject, company(scene, brand, subject, blocks, footer=False, plain_share=0.3),
                    "bulk", brand.mailer, signed_by=brand.domain, unsubscribe=True)  # fmt: skip
    letter.extra.append(("In-Reply-To", f"<{project}/issues/{number}@{brand.domain}>"))
    return letter


def _returned(rng: Random, raw: bytes) -> mime.Part:
    """The failed message, or its headers alone."""
    if rng.random() < 0.4:
        return mime.Part((("Content-Type", "text/rfc822-headers"),), raw.partition(b"\n\n")[0] + b"\n")
    return mime.nested(raw)


def bounce(scene: Scene) -> Letter:
    """A delivery failure for mail that the person sent (RFC 3464)."""
    rng = scene.rng
    home = scene.world.home
    missing = scene.world.person(rng, "example.org")
    original = work(scene)
    original.sender = (scene.to.name, scene.to.address)
    returned = deliver(scene._replace(to=missing, when=scene.when - timedelta(minutes=4)), original)
    text = say(rng, "{I'm sorry to have to inform you that your message could not be delivered|Your message was not delivered|This is "
        "the mail system at host mx.<home>}.\n\n<to>: {host said: 550 5.1.1 User unknown|mailbox full (452 4.2.2)|domain not found}",
        {"home": home, "to": missing.address})  # fmt: skip
    status = (f"Reporting-MTA: dns; mx.{home}\nArrival-Date: {format_datetime(scene.when)}\n\nFinal-Recipient: rfc822; {missing.address}\n"
              "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n")  # fmt: skip
    parts = [
        mime.text(rng, text + "\n"),
        mime.Part((("Content-Type", "message/delivery-status"),), status.encode()),
        _returned(rng, returned),
    ]
    body = mime.multipart(rng, "report", parts, "; report-type=delivery-status")
    letter = Letter(("Mail Delivery System", f"MAILER-DAEMON@mx.{home}"), "Undelivered Mail Returned to Sender", body, "script",
                    envelope_from="", host=f"mx.{home}", signed_by="")  # fmt: skip
    letter.extra.append(("Auto-Submitted", "auto-replied"))
    return letter


def helpdesk(scene: Scene) -> Letter:
    """A ticket system's answer."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["cloud"] + scene.world.brands["utility"])
    ticket = rng.randint(1000, 999999)
    text = say(rng, "{We received your request|An agent answered your ticket|Your ticket was closed|We are working on it}. {We answer within "
                    "<n> hours|Reply to this message to add details|You can reopen it within <n> days}.", _slots(scene))  # fmt: skip
    subject = f"[#{ticket}] {rng.choice(('Your request', 'Ticket update', 'Question about my account', 'Support'))}"
    return Letter((f"{brand.name} Support", f"support@{brand.domain}"), subject,
                  personal(scene, [f"Hello {scene.to.first},", text, f"{brand.name} Support", "##- Please type your reply above this line -##"]),
                  "bulk", brand.mailer, signed_by=brand.domain)  # fmt: skip
