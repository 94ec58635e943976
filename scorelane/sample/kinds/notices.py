"""What a company owes one customer: receipts, parcels, resets, statements, invoices, bank and travel notices."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from scorelane.sample import layout, mime
from scorelane.sample.bodies import company, own_url, pdf, personal
from scorelane.sample.delivery import Letter, Scene
from scorelane.sample.grammar import say
from scorelane.sample.world import city

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.sample.world import Brand

_GOODS = (
    "Rain jacket,Desk lamp,Coffee 1 kg,Trail shoes,Linen shirt,Speaker,Cast-iron pan,Board game,Seed set,Blanket,"
    "Backpack,Yoga mat,Photo book,Headphones,Tea set,Bookshelf,Notebook,USB cable,Bicycle pump,Light bulbs"
).split(",")


def _notice(scene: Scene, brand: Brand, subject: str, blocks: Sequence[layout.Block], locals_: Sequence[str]) -> Letter:
    body = company(scene, brand, subject, blocks, footer=scene.rng.random() < 0.6)
    sender = f"{scene.rng.choice(locals_)}@{scene.rng.choice((brand.domain, brand.domain, f'mail.{brand.domain}'))}"
    letter = Letter((brand.name, sender), subject, body, "bulk", brand.mailer, signed_by=brand.domain)
    letter.unsubscribe = scene.rng.random() < 0.2
    return letter


def _money(scene: Scene, low: int = 4, high: int = 400) -> str:
    sign = scene.rng.choice(("$", "€", "£", "$", "USD ", "EUR "))
    return f"{sign}{scene.rng.randint(low, high)}.{scene.rng.randint(0, 99):02}"


def _hello(scene: Scene) -> layout.Block:
    return layout.para(say(scene.rng, "{Hi|Hello|Dear} {<first>|<first> <last>},",
                           {"first": scene.to.first, "last": scene.to.last}))  # fmt: skip


def _order(scene: Scene) -> str:
    return scene.rng.choice((f"#{scene.rng.randint(10**4, 10**8)}", f"{scene.token(24).upper()}",
                             f"{scene.rng.randint(100, 999)}-{scene.rng.randint(10**6, 10**7)}"))  # fmt: skip


def receipt(scene: Scene) -> Letter:
    """An order confirmation or a receipt."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("shop", "shop", "cloud", "travel"))])
    order = _order(scene)
    lines = [(rng.choice(_GOODS), f"x{rng.randint(1, 4)}", _money(scene)) for _ in range(rng.randint(1, 6))]
    lines += [("Shipping", "", _money(scene, 0, 9)), ("Total", "", _money(scene, 20, 500))]
    text = say(rng, "{Thank you for your order|We received your order|Thanks for shopping with us|Your payment went through}. "
        "{We will write again when it ships|It will be packed today|Keep this receipt for your records|Your card ending in "
        "<card> was charged}.", {"card": str(rng.randint(1000, 9999))})  # fmt: skip
    blocks = [layout.head(f"Order {order}"), _hello(scene), layout.para(text), layout.rows(lines),
              layout.Block("para", "View your order", own_url(scene, brand, "orders"))]  # fmt: skip
    subject = rng.choice((f"Your {brand.name} order {order}", f"Order confirmation {order}", f"Receipt from {brand.name}",
                          f"Thank you for your purchase ({order})"))  # fmt: skip
    return _notice(scene, brand, subject, blocks, ("orders", "receipts", "noreply", "shop"))


def shipping(scene: Scene) -> Letter:
    """News of a parcel."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["post"] + scene.world.brands["shop"])
    number = f"{rng.choice(('1Z', 'JD', 'RR', ''))}{rng.randint(10**9, 10**12)}"
    state = rng.choice(
        ("has shipped", "is out for delivery", "was delivered", "arrives tomorrow", "is ready for pickup")
    )
    text = say(rng, "Your {parcel|package|order} <number> <state>. {It was left with a neighbour|The driver comes between <h>:00 "
        "and <k>:00|Bring an ID to collect it in <city>|You can change the delivery day until tonight|No signature is needed}.",
        {"number": number, "state": state, "city": city(rng), "h": str(rng.randint(8, 12)), "k": str(rng.randint(13, 19))})  # fmt: skip
    steps = [((scene.when - timedelta(hours=9 * n)).strftime("%d %b %H:%M"), place)
             for n, place in enumerate(("Out for delivery", f"Sorted in {city(rng)}", "Label created"))]  # fmt: skip
    blocks = [layout.head(f"Your parcel {state}"), _hello(scene), layout.para(text), layout.rows(steps),
              layout.button("Track parcel", own_url(scene, brand, "track"))]  # fmt: skip
    subject = rng.choice((f"Your parcel {state}", f"{brand.name}: {number} {state}", f"Delivery update for {number}"))
    return _notice(scene, brand, subject, blocks, ("tracking", "delivery", "noreply"))


def reset(scene: Scene) -> Letter:
    """A password reset, a sign-in code or a new-device notice that the person caused."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("cloud", "social", "shop", "bank"))])
    code = f"{rng.randint(0, 999999):06}"
    where = {"city": city(rng), "code": code, "brand": brand.name, "n": str(rng.randint(10, 60))}
    kind = rng.randrange(3)
    if kind == 0:
        text = say(rng, "{We got a request to reset|Somebody asked to reset|You asked to change} the password of your <brand> "
            "account. {The link works for <n> minutes|This link expires in <n> minutes}. {If it was not you, ignore this "
            "message|If you did not ask, nothing changes}.", where)  # fmt: skip
        blocks = [
            _hello(scene),
            layout.para(text),
            layout.button("Reset password", f"https://{brand.domain}/reset/{scene.token()}"),
        ]
        subject = rng.choice((f"Reset your {brand.name} password", "Password reset", "Password reset instructions"))
    elif kind == 1:
        text = say(rng, "{Your|Here is your} {verification|sign-in|security} code{:| is} <code>. {It expires in <n> minutes|Do not "
                        "share it with anyone|We never ask for it by phone}.", where)  # fmt: skip
        blocks, subject = [_hello(scene), layout.para(text)], f"{code} is your {brand.name} code"
    else:
        text = say(rng, "{New sign-in|We noticed a new sign-in} to your <brand> account from {Firefox on Linux|Chrome on Windows|"
            "Safari on a phone} in <city>. {If this was you, you need not do anything|Not you? Review your devices}.", where)  # fmt: skip
        blocks = [
            _hello(scene),
            layout.para(text),
            layout.Block("para", "Review devices", f"https://{brand.domain}/account/devices"),
        ]
        subject = rng.choice((f"New sign-in to {brand.name}", f"{brand.name} security notice", "Was this you?"))
    return _notice(scene, brand, subject, blocks, ("security", "noreply", "account"))


def statement(scene: Scene) -> Letter:
    """A bank or utility says that a statement is there, or attaches it."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["bank"] + scene.world.brands["utility"])
    month = scene.when.strftime("%B %Y")
    text = say(rng, "{Your statement for <month> is {ready|available|attached}|A new document is in your mailbox|Your <month> "
        "{bill|account statement} is here}. {Account ending in <card>|Customer number <card>}. {Balance|Amount due}: <sum>. "
        "{No payment is needed|It will be debited on the <day>th|Sign in as usual to see details|We never ask for your "
        "password by e-mail}.", {"month": month, "card": str(rng.randint(1000, 9999)), "sum": _money(scene), "day": str(rng.randint(4, 28))})  # fmt: skip
    blocks = [
        _hello(scene),
        layout.para(text),
        layout.Block("para", f"www.{brand.domain}", f"https://www.{brand.domain}/"),
    ]
    subject = rng.choice((f"Your {month} statement", f"{brand.name}: statement ready", f"Account statement {month}"))
    letter = _notice(scene, brand, subject, blocks, ("statements", "service", "noreply"))
    if rng.random() < 0.5:
        entries = [
            f"{scene.when - timedelta(days=n):%d.%m.}  {rng.choice(_GOODS):20} {_money(scene)}" for n in range(12)
        ]
        document = mime.file(pdf(subject, entries), f"statement-{scene.when:%Y-%m}.pdf", "application/pdf")
        letter.body = mime.multipart(rng, "mixed", [letter.body, document])
    return letter


def transaction(scene: Scene) -> Letter:
    """A bank tells of a card payment or a transfer."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["bank"])
    text = say(rng, "{A payment of <sum> {at|to} <shop> was made with card *<card>|You sent <sum> to <shop>|<shop> paid you "
        "<sum>|Your direct debit of <sum> to <shop> is due} on <date>. {If you do not recognise it, call the number on your "
        "card|You get this because alerts are on|Available balance: <other>}.",
        {"sum": _money(scene), "other": _money(scene, 100, 9000), "shop": rng.choice(scene.world.brands["shop"]).name,
         "card": str(rng.randint(1000, 9999)), "date": f"{scene.when:%d %B}"})  # fmt: skip
    subject = rng.choice(
        ("Card payment alert", f"{brand.name}: transaction notice", "You have made a payment", "Transfer received")
    )
    return _notice(scene, brand, subject, [_hello(scene), layout.para(text)], ("alerts", "notifications", "noreply"))


def invoice(scene: Scene) -> Letter:
    """A supplier's invoice to the organisation, with the document."""
    rng = scene.rng
    author = rng.choice(scene.world.partners)
    number = f"{rng.choice(('INV-', 'RE', '2026-', ''))}{rng.randint(1000, 99999)}"
    text = say(rng, "{Please find attached|Attached is|Enclosed you find} {our invoice|invoice} <number> for {the work in "
        "<month>|the delivery of <day>|your order}. {Payment within <n> days|Due on the <n>th}{.| to the account you know.} "
        "{Let me know if you have questions.|Our bank details are unchanged.|}",
        {"number": number, "month": f"{scene.when:%B}", "day": "Tuesday", "n": str(rng.choice((10, 14, 30)))})  # fmt: skip
    body = personal(scene, [f"Dear {scene.to.first},", text, f"Kind regards\n{author.name}"])
    lines = [f"{rng.choice(_GOODS)}  {rng.randint(1, 20)} pcs  {_money(scene)}" for _ in range(rng.randint(1, 8))]
    document = mime.file(pdf(f"Invoice {number}", lines), f"invoice_{number}.pdf", "application/pdf")
    return Letter((author.name, author.address), rng.choice((f"Invoice {number}", f"Our invoice {number}", f"{number}")),
                  mime.multipart(rng, "mixed", [body, document]), "office")  # fmt: skip


def travel(scene: Scene) -> Letter:
    """A booking, a check-in reminder or a change of times."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["travel"])
    code = scene.token(24).upper()
    start, end = city(rng), city(rng)
    day = scene.when + timedelta(days=rng.randint(1, 90))
    text = say(rng, "{Your booking <code> is confirmed|Check-in is open for <code>|The times of your trip <code> have changed|Your "
        "stay in <to> begins soon}. {Please arrive <n> minutes early|Bring a photo ID|Free cancellation until <date>|Your "
        "ticket is attached to your account}.", {"code": code, "to": end, "n": str(rng.choice((30, 45, 90))), "date": f"{day:%d %B}"})  # fmt: skip
    table = [("From", start), ("To", end), ("Date", f"{day:%a %d %b %Y}"), ("Departure", f"{rng.randint(5, 21):02}:{rng.choice((5, 20, 45)):02}"),
             ("Passenger", scene.to.name)]  # fmt: skip
    blocks = [layout.head(f"{start} → {end}"), _hello(scene), layout.para(text), layout.rows(table),
              layout.button(rng.choice(("Manage booking", "Check in", "View itinerary")), own_url(scene, brand, "trips"))]  # fmt: skip
    subject = rng.choice((f"Booking confirmation {code}", f"Your trip to {end}", f"Check in now: {start} - {end}"))
    return _notice(scene, brand, subject, blocks, ("bookings", "noreply", "trips"))


def social(scene: Scene) -> Letter:
    """A social network's notification."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands["social"])
    friend = rng.choice(scene.world.friends)
    act = rng.choice(("sent you a message", "commented on your post", "wants to connect", "mentioned you", "added 4 photos",
                      "invited you to a group", "likes your photo"))  # fmt: skip
    blocks = [
        layout.para(f"{friend.name} {act}."),
        layout.button(rng.choice(("View", "Reply", "See it")), own_url(scene, brand, "n")),
    ]
    if rng.random() < 0.5:
        blocks.append(
            layout.items(
                [
                    f"{one.name} {rng.choice(('posted', 'has a birthday', 'joined'))}"
                    for one in rng.sample(scene.world.friends, 3)
                ]
            )
        )
    letter = _notice(scene, brand, f"{friend.name} {act}", blocks, ("notification", "noreply", "updates"))
    letter.unsubscribe = True
    return letter


def renewal(scene: Scene) -> Letter:
    """A subscription, appointment or library loan comes due."""
    rng = scene.rng
    brand = rng.choice(scene.world.brands[rng.choice(("cloud", "club", "utility"))])
    day = scene.when + timedelta(days=rng.randint(2, 30))
    text = say(rng, "{Your {subscription|membership|domain|plan} renews on <date> for <sum>|Your appointment is on <date> at <h>:30|"
        "<n> loans are due on <date>|Planned maintenance on <date> from <h>:00|Your trial ends on <date>}. {You need not do "
        "anything|You can cancel any time in your settings|Please call if you cannot come|Renew online or at the desk}.",
        {"date": f"{day:%d %B}", "sum": _money(scene), "h": str(rng.randint(8, 17)), "n": str(rng.randint(2, 6))})  # fmt: skip
    subject = rng.choice(
        (f"Reminder for {day:%d %B}", "Your upcoming renewal", f"{brand.name} reminder", "Appointment reminder")
    )
    return _notice(
        scene, brand, subject, [_hello(scene), layout.para(text)], ("reminders", "billing", "noreply", "info")
    )
