"""Pictures of every page of the console for docs/, in light and dark: `make screenshots`.

Runs a system of its own on generated mail. Look at the pictures before committing them.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from db import bundles, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.sample import sample_mailbox
from scorelane.scoring import Bundle
from tests.bundles import shifted
from tests.waiting import answering, until
from worker.processes import Group
from worker.up import run_system

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "console"
WIDTH, HEIGHT, COLOURS = 1280, 820, 192
MESSAGE_HEIGHT = 1500
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def save(page, name, *, width=WIDTH, height=HEIGHT):
    """Both themes of the page as it stands, with few colours."""
    page.set_viewport_size({"width": width, "height": height})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_timeout(150)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(OUTPUT / f"{name}-{scheme}.png", optimize=True)


def second_bundle(url, folder):
    """The shipped bundle with another calibration, registered and in shadow."""
    bundle = Bundle.load(shifted(folder, -1.5))
    with connect(url, application="screenshots") as sql:
        bundles.register(
            sql, digest=bundle.digest, name=bundle.name, path=str(folder), signal_set=bundle.signal_set.hash
        )
        live = bundles.current(sql)
        bundles.flip(sql, live=live.live, shadow=bundle.digest, author="screenshots")


def fill(system):
    """Scored mail of one organisation, and one message that no attempt could score."""
    with connect(system.stack.worker_url, application="screenshots") as sql:
        tenants.ensure(sql, "harbourline")
        tenants.ensure(sql, "northgate")
        with Enqueuer(system.stack.worker_url, system.stack.broker_url, actor="screenshots") as door:
            mail = [Incoming(one.raw, one.received_at) for one in sample_mailbox(count=400)]
            receipts = door.accept(mail, tenant="harbourline", mailbox="all@harbourline.example", lane="backfill")
        waiting = "SELECT count(*) FROM message_state WHERE state = 'accepted'"
        until(lambda: sql.execute(waiting).fetchone() == (0,), "the mail is scored")
        sql.execute(
            """INSERT INTO dead_letters (tenant_id, message_id, job_id, lane, attempts, error)
               SELECT tenant_id, id, job_id, 'realtime', 4,
                      'its worker died at three attempts, the last one alone with this message'
               FROM messages WHERE id = %s""",
            (receipts[7].message_id,),
        )
        ((message_id,),) = sql.execute(
            "SELECT message_id FROM message_state WHERE verdict <> 'clean' "
            "ORDER BY verdict = 'attack' DESC, category = 'credential_phishing' DESC NULLS LAST, log_odds DESC LIMIT 1"
        ).fetchall()
    return message_id


def main():
    """Take all pictures."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    group = Group("all", ("interactive", "realtime", "rescan", "backfill"), 1)
    with (
        tempfile.TemporaryDirectory() as folder,
        run_system(Path(folder) / "home", groups=[group], services=["console"]) as system,
        sync_playwright() as playwright,
    ):
        door = system.addresses["console"]
        second_bundle(system.stack.worker_url, Path(folder) / "candidate")
        message_id = fill(system)
        answering(f"{door.url}/healthz")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(base_url=door.url)
        page.goto("/login")
        save(page, "login", height=560)
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(door.password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/messages")
        save(page, "inbox")
        page.goto(f"/messages/{message_id}")
        page.get_by_role("button", name=re.compile("attack$")).click()
        page.get_by_role("list", name="Labels").wait_for()
        save(page, "message", height=MESSAGE_HEIGHT)
        for name in ("lanes", "dead-letters", "models", "account", "audit"):
            page.goto(f"/{name}")
            save(page, name, height=1000 if name == "models" else HEIGHT)
        page.goto("/lanes/fleet")
        save(page, "fleet", height=480)
        page.goto("/rescans/new")
        page.get_by_label("Model", exact=True).select_option(label="candidate (shadow)")
        page.get_by_role("button", name="Preview").click()
        page.wait_for_load_state()
        save(page, "rescan-new", height=920)
        page.get_by_role("button", name="Start the rescan").click()
        page.get_by_role("heading", name="Rescan done").wait_for()
        save(page, "rescan")
        page.goto("/rescans")
        save(page, "rescans", height=480)
        page.goto("/messages")
        save(page, "inbox-narrow", width=360, height=760)
        page.goto(f"/messages/{message_id}")
        save(page, "message-narrow", width=360, height=1200)
        browser.close()
    total = sum(file.stat().st_size for file in OUTPUT.glob("*.png"))
    sys.stdout.write(f"{len(list(OUTPUT.glob('*.png')))} pictures, {total / 1024:.0f} KB, in {OUTPUT}\n")


if __name__ == "__main__":
    main()
