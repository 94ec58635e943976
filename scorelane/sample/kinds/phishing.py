"""Mail that wants a password or a call: credential phishing in several builds, and callback scams."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from scorelane.sample import layout, mime
from scorelane.sample.bodies import pdf, png
from scorelane.sample.delivery import Letter, Scene
from scorelane.sample.grammar import say
from scorelane.sample.kinds import languages
from scorelane.sample.world import FIRST, LAST, ascii_word, public_ip

if TYPE_CHECKING:
    from scorelane.sample.world import Brand

_LURES = (
    ("{Your mailbox is {almost full|over quota}|Mailbox storage limit reached}", "Your mailbox <mail> has {exceeded|reached} its storage limit. "
     "{Incoming messages are on hold|You can no longer send}. {Verify|Upgrade} your account {now|within 24 hours} to avoid {suspension|data loss}.", "{Increase quota|Keep my mailbox}"),
    ("{Password expires today|Action required: password expiry}", "The password for <mail> expires {today|in 2 hours}. {Keep your current password|Re-confirm "
     "your credentials} {below|using the secure portal} or you will be {logged out|locked out}.", "{Keep same password|Update password}"),
    ("{Unusual sign-in activity|We suspended your account|Security alert} - <brand>", "{Dear customer|Dear <mail>|Dear user}, we detected {unusual activity|a login "
     "from an unknown device|<n> failed payments} on your <brand> account. {Confirm your identity|Verify your billing details} within {24|48} hours or {it will be permanently closed|access stays restricted}.",
     "{Verify now|Confirm my identity|Restore access}"),
    ("{<n> pending messages|You have quarantined messages|Undelivered mail notice}", "{<n> messages to|Mail for} <mail> could not be delivered due to a {server error|sync failure}. "
     "{Release|Review} them {now|before they are deleted today}.", "{Release messages|Review messages}"),
    ("{<boss> shared a document with you|Completed: please review and sign|New secure document}", "{You received a secure file|<boss> has sent you a document to review and sign}: "
     "{Remittance|Salary_review|Contract|Voicemail}_<n>.pdf. {Sign in with your work e-mail to view it|The link expires today}.", "{Review document|Open file|View in browser}"),
    ("{Parcel on hold|Delivery failed: customs fee due|Your package could not be delivered}", "Your parcel {RX|CN}<n>0<n>4 is {held at our depot|waiting for a customs fee of $1.<n>}. "
     "{Pay the fee|Confirm your address and card} within 48 hours or it {returns to sender|will be destroyed}.", "{Schedule delivery|Pay fee}"),
    ("{Tax refund of $<n>8.20 pending|You are eligible for a refund}", "After the last calculation you are eligible for a refund of $<n>8.20. Submit {the form|your bank details} "
     "{today|within 3 days}; {delays happen for invalid records|late claims are refused}.", "{Claim refund|Get my refund}"),
    ("{Wallet verification required|Withdrawal request received}", "A withdrawal of <n> coins was requested from your wallet. If this was not you, {connect your wallet|enter your "
     "recovery phrase} to cancel it {immediately|in the next 30 minutes}.", "{Cancel withdrawal|Secure my wallet}"),
)  # fmt: skip
_BAD_HOSTS = (
    "login-{brand}.example", "{brand}-secure-verify.test", "{brand}.account-update.example", "secure-{brand}.com.portal.test", "sites.freehost.example",
    "xn--{brand}-9za.example", "{x}.webflow.test", "{brand}support.example",
)  # fmt: skip
_REAL_NAMES = ("Microsoft 365", "PayPal", "DocuSign", "Netflix", "DHL", "Amazon", "Apple ID", "Office Mail")


def _evil(scene: Scene, brand: str) -> str:
    """A link at a host that is not the brand's."""
    rng = scene.rng
    word = ascii_word(brand)[:14] or "mail"
    host = rng.choice(_BAD_HOSTS).format(brand=word, x=scene.token(40))
    if rng.random() < 0.12:
        host = f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"
    if rng.random() < 0.08:
        host = f"{word}.example@{host}"
    path = rng.choice(
        (f"/{word}/login.php", "/auth/", f"/~x{scene.token(16)}/verify", "/wp-content/plugins/s/index.html")
    )
    address = base64.b64encode(scene.to.address.encode()).decode()
    scheme = rng.choice(("https", "https", "http"))
    return f"{scheme}://{host}{path}{rng.choice(('', f'?e={scene.to.address}', f'#{address}'))}"


def _slots(scene: Scene, brand: str) -> dict[str, str]:
    boss = scene.rng.choice(scene.world.staff)
    return {"mail": scene.to.address, "brand": brand, "n": str(scene.rng.randint(2, 60)), "boss": boss.name}


def _claimed(scene: Scene) -> tuple[str, Brand]:
    brand = scene.rng.choice(scene.world.brands[scene.rng.choice(("bank", "cloud", "post", "social"))])
    return (scene.rng.choice(_REAL_NAMES) if scene.rng.random() < 0.35 else brand.name), brand


def disguise(scene: Scene, name: str, brand: Brand) -> Letter:
    """A letter whose sender claims to be a brand: spoofed, look-alike, or from a taken-over server."""
    rng = scene.rng
    word = ascii_word(name)
    letter = Letter((name, ""), "", mime.text(rng, ""), rng.choice(("script", "script", "webmail", "bulk")))
    form = rng.randrange(4)
    if form == 0:
        letter.sender = (name, f"{rng.choice(('noreply', 'security', 'support'))}@{brand.domain}")
        letter.spf, letter.dkim, letter.dmarc, letter.signed_by = rng.choice(("fail", "softfail")), "none", "fail", ""
        letter.envelope_from = f"www-data@host{rng.randint(1, 900)}.vps.test"
    elif form == 1:
        letter.sender = (name, f"noreply@{word}-{rng.choice(('notice', 'id', 'secure', 'team'))}.example")
    elif form == 2:
        victim = rng.choice(scene.world.brands["club"])
        letter.sender = (
            rng.choice((name, f"{name} Support", f"{name} <security@{brand.domain}>")),
            f"{rng.choice(('info', 'web', 'anna'))}@{victim.domain}",
        )
        letter.dkim, letter.signed_by = rng.choice((("pass", None), ("none", "")))
    else:
        given = ascii_word(rng.choice(FIRST))
        letter.sender = (name, f"{given}{ascii_word(rng.choice(LAST))}{rng.randint(1, 999)}@freemail.example")
        letter.origin = "webmail"
    if rng.random() < 0.2:
        letter.extra.append(("Reply-To", f"{word}.desk{rng.randint(1, 99)}@inbox.test"))
    if rng.random() < 0.1:
        letter.extra.append(("X-Priority", "1 (Highest)"))
    letter.host = letter.host or (f"host{rng.randint(1, 900)}.vps.test" if form in {0, 1} else None)
    return letter


def credential(scene: Scene) -> Letter:
    """A lure, a button to a page of the attacker's, often text that shows another address."""
    rng = scene.rng
    name, brand = _claimed(scene)
    if rng.random() < 0.25:
        lines = [say(rng, line, _slots(scene, name)) for line in languages.pick(scene).phish]
    else:
        lines = [say(rng, line, _slots(scene, name)) for line in rng.choice(_LURES)]
    subject, text, label = lines
    url = _evil(scene, name)
    blocks = [layout.head(name), layout.para(text), layout.button(label, url)]
    if rng.random() < 0.35:
        blocks.append(layout.Block("para", f"https://www.{brand.domain}/account", url))
    blocks.append(layout.Block("small", rng.choice((f"© 2026 {name}. All rights reserved.", "This is an automated message.",
                                                    f"Sent to {scene.to.address}", f"IP: {public_ip(rng)}"))))  # fmt: skip
    letter = disguise(scene, name, brand)
    letter.subject = subject
    page = layout.page(rng, blocks, title=subject, colour=brand.colour)
    if rng.random() < 0.2:
        noise = " ".join(rng.choice(LAST).lower() for _ in range(60))
        page = page.replace("</body>", f'<div style="font-size:0;color:#ffffff">{noise}</div></body>')
    if rng.random() < 0.12:
        form = (
            f'<form action="{_evil(scene, name)}" method="post"><input name="u"><input type="password" name="p"></form>'
        )
        page = page.replace("</body>", form + "</body>")
    html = mime.text(rng, page, "html")
    letter.body = (
        html if rng.random() < 0.5 else mime.multipart(rng, "alternative", [mime.text(rng, layout.plain(blocks)), html])
    )
    return letter


def image_only(scene: Scene) -> Letter:
    """The lure as a picture inside the message, which is one link."""
    rng = scene.rng
    name, brand = _claimed(scene)
    subject = say(rng, rng.choice(_LURES)[0], _slots(scene, name))
    letter = disguise(scene, name, brand)
    cid = f"{scene.token(40)}@mail.example"
    page = f'<html><body><a href="{_evil(scene, name)}"><img src="cid:{cid}" alt=""></a></body></html>'
    image = png(rng.randrange(256), rng.randrange(256), rng.randrange(256), 320, 200)
    parts = [
        mime.text(rng, page, "html"),
        mime.file(image, f"image{rng.randint(1, 99):03}.png", "image/png", inline_id=cid),
    ]
    letter.subject, letter.body = subject, mime.multipart(rng, "related", parts)
    return letter


def callback(scene: Scene) -> Letter:
    """A receipt for something never bought, and a number to call."""
    rng = scene.rng
    product = rng.choice(
        ("Total Protection 360", "Geek Care Plus", "Antivirus Premium", "PC Shield", "Crypto Order BTC")
    )
    slots = {"product": product, "sum": f"${rng.randint(199, 699)}.{rng.randint(10, 99)}", "id": f"{scene.token(32).upper()}",
             "phone": rng.choice(("+1 (8O5) 555-01{:02}", "1-888-555-01{:02}", "+1 555 01 {:02}")).format(rng.randint(10, 99))}  # fmt: skip
    text = say(rng, "{Dear customer|Hello}, {your subscription to <product> has been renewed|thank you for your purchase of <product>}. <sum> {will be charged|"
        "has been debited} {today|within 24 hours}. Invoice <id>. {If you did not authorise this|To cancel and get a refund}, {call|contact} our {billing|help} desk {immediately |}at <phone>. {Toll free, open 24/7.|}", slots)  # fmt: skip
    name = rng.choice(FIRST) + " " + rng.choice(LAST)
    sender = f"{ascii_word(name)}{rng.randint(10, 9999)}@freemail.example"
    body = mime.text(rng, text + "\n")
    if rng.random() < 0.5:
        document = mime.file(pdf("INVOICE", text.split(". ")), f"INV{rng.randint(10**5, 10**7)}.pdf", "application/pdf")
        body = mime.multipart(
            rng,
            "mixed",
            [mime.text(rng, rng.choice(("Please find your invoice.", "Thanks for your order", "."))), document],
        )
    subject = rng.choice(
        (
            f"Order confirmation {slots['id']}",
            f"Your {product} renewal",
            f"Invoice {slots['id']}",
            "Thank you for your payment",
        )
    )
    return Letter((rng.choice((name, f"{product} Billing")), sender), subject, body, "webmail")
