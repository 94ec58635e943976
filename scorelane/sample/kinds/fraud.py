"""Mail that wants money by words alone: business e-mail compromise, advance fee, extortion; and plain spam."""

from __future__ import annotations

from scorelane.sample import layout, mime
from scorelane.sample.bodies import personal
from scorelane.sample.delivery import Letter, Scene
from scorelane.sample.grammar import say
from scorelane.sample.kinds.phishing import disguise
from scorelane.sample.world import FIRST, LAST, ascii_word, city


def _from_boss(scene: Scene, subject: str, text: str, *, boss_name: str = "") -> Letter:
    """A message in a colleague's name from an address that is not theirs."""
    rng = scene.rng
    boss = next(one for one in rng.sample(scene.world.staff, 2) if one.address != scene.to.address)
    name = boss_name or boss.name
    stem, _, end = scene.world.home.partition(".")
    lookalike = f"{stem.replace('l', '1').replace('o', '0')}{rng.choice(('', 's', '-hr'))}.{end}"
    if lookalike == scene.world.home:
        lookalike = f"{stem}-mail.{end}"
    address = rng.choice(
        (
            f"{ascii_word(name)}.ceo{rng.randint(1, 99)}@freemail.example",
            f"office.{rng.randint(100, 999)}@inbox.test",
            f"{ascii_word(name)}@{lookalike}",
        )
    )
    sent_from = rng.choice(("", "", "\nSent from my iPhone", "\nSent from my mobile"))
    body = personal(
        scene,
        [f"{rng.choice(('Hi', 'Hello', ''))} {scene.to.first},".strip(), text, f"{name}{sent_from}"],
        html_share=0.3,
    )
    letter = Letter((name, address), subject, body, "webmail")
    if rng.random() < 0.4:
        letter.sender = (name, boss.address)
        letter.spf, letter.dkim, letter.dmarc, letter.signed_by = "softfail", "none", "fail", ""
        letter.envelope_from = address
        letter.extra.append(("Reply-To", f"{name} <{address}>"))
    return letter


def gift_cards(scene: Scene) -> Letter:
    """The boss in a meeting who needs gift cards."""
    text = say(scene.rng, "{Are you at your desk|Are you available|Do you have a minute}? {I am in a meeting|I am going into a conference call} and {cannot talk|can only "
        "do e-mail}. {I need you to|Could you quickly} {get|buy|purchase} {some|<n>} gift cards {for our clients|to surprise the staff|for a donation}, {$100|$200|€50} each. "
        "{Scratch the back and send me the codes|Take photos of the codes and e-mail them|Keep this between us}. {I will reimburse you today.|It is urgent.|How soon can you do it?}",
        {"n": str(scene.rng.randint(4, 15))})  # fmt: skip
    return _from_boss(
        scene,
        scene.rng.choice(("Quick task", "Are you available?", "Urgent request", "Favour", "Hi", "Confidential")),
        text,
    )


def payroll(scene: Scene) -> Letter:
    """An employee who wants the salary on another account."""
    text = say(scene.rng, "{I have changed banks|I recently opened a new account} and {would like|need} to {update|change} my {direct deposit|salary account|payroll details} "
        "{before the next payroll|starting this month}. {What do you need from me|Can you make the change effective today}? {New account: First Example Bank, routing 000000000, account 00<n>|I attach nothing, tell me which form}. "
        "{Please confirm once done.|I cannot reach the portal.}", {"n": str(scene.rng.randint(10**6, 10**7))})  # fmt: skip
    return _from_boss(
        scene, scene.rng.choice(("Direct deposit update", "Payroll change", "Bank details", "Salary account")), text
    )


def invoice_change(scene: Scene) -> Letter:
    """A supplier whose bank account has changed."""
    rng = scene.rng
    supplier = rng.choice(scene.world.partners)
    domain = supplier.address.partition("@")[2]
    text = say(rng, "{Please note|Kindly be informed} that {our bank account has changed|due to an ongoing audit our account is on hold}. {All pending invoices|Invoice <n>} "
        "{must|should} be paid to {the new account below|our new beneficiary}. {Beneficiary: <name> Trading, IBAN XX00 0000 0000 <n>|Updated details are attached}. {Do not pay to "
        "the old account|Please confirm the date of transfer today and send the swift copy}. {Treat as urgent.|Kindly acknowledge.}",
        {"n": str(rng.randint(10000, 99999)), "name": supplier.last})  # fmt: skip
    letter = _from_boss(
        scene,
        rng.choice(("Re: Invoice payment", "Updated bank details", "RE: outstanding invoices", "Payment instruction")),
        text,
        boss_name=supplier.name,
    )
    if rng.random() < 0.5:
        stem, _, end = domain.partition(".")
        letter.sender = (
            supplier.name,
            f"{supplier.address.partition('@')[0]}@{stem}{rng.choice(('s', '-ltd', 'group'))}.{end}",
        )
        letter.spf, letter.dkim, letter.dmarc, letter.signed_by, letter.envelope_from = (
            "pass",
            "pass",
            "pass",
            None,
            None,
        )
        letter.extra.clear()
    return letter


def advance_fee(scene: Scene) -> Letter:
    """A fortune that needs a small payment first."""
    rng = scene.rng
    name = f"{rng.choice(('Mr.', 'Mrs.', 'Barrister', 'Dr.'))} {rng.choice(FIRST)} {rng.choice(LAST)}"
    text = say(rng, "{Dear beloved|Dear friend|Attention beneficiary|Greetings}, I am <name>, {a widow suffering from a long illness|director of foreign remittance|solicitor to a late client|"
        "an officer who found a dormant account}. {I want to transfer|I seek your consent to move|You were chosen to receive} the sum of {US$|USD }<n>,<k>00,000.00 {million dollars |}{to your "
        "account|deposited in a security company in <city>|left without next of kin}. You {will keep <p>%|get 40 percent} {for your assistance|for charity work}. {Send your full names, "
        "address, phone and a copy of your ID|Reply to my private e-mail|A small transfer fee applies}. {This is confidential and 100% risk free|God bless you|Remain blessed}.",
        {"name": name, "n": str(rng.randint(2, 60)), "k": str(rng.randint(1, 9)), "city": city(rng), "p": str(rng.choice((20, 30, 50)))})  # fmt: skip
    letter = Letter((name.upper() if rng.random() < 0.4 else name, f"{ascii_word(name)}{rng.randint(1, 99)}@freemail.example"),
                    rng.choice(("URGENT REPLY", "Dear Friend", "BUSINESS PROPOSAL", "Inheritance fund", "Your compensation payment", "DONATION FOR YOU")),
                    mime.text(rng, text + "\n\n" + name + "\n"), "webmail")  # fmt: skip
    letter.extra.append(("Reply-To", f"{ascii_word(name)}.private@inbox.test"))
    letter.to = [("", "undisclosed-recipients:;")] if rng.random() < 0.4 else []
    return letter


def extortion(scene: Scene) -> Letter:
    """A threat with a wallet address."""
    rng = scene.rng
    wallet = "bc1q" + "".join(rng.choice("023456789acdefghjklmnpqrstuvwxyz") for _ in range(38))
    text = say(rng, "{Hello pervert|Hi there|I have bad news}. {I infected your device with a trojan|Your system was hacked|I have full access to your device} {some months ago|when you visited "
        "an adult site}. {I recorded you through your camera|I have your contacts and your videos|Your password was <pw>}. {Transfer|Send|Pay} $<n> in bitcoin to <wallet> {within "
        "48 hours|in two days} {or I send the video to all your contacts|and I delete everything}. {Do not reply|Do not go to the police|The timer started when you opened this}.",
        {"pw": scene.token(32), "n": str(rng.choice((650, 950, 1450, 1900))), "wallet": wallet})  # fmt: skip
    letter = Letter((rng.choice(("", "Anonymous", scene.to.name)), scene.to.address), rng.choice(("I recorded you", "Payment from your account", "You have been hacked", "Last warning")),
                    mime.text(rng, text + "\n"), "script", spf="fail", dkim="none", dmarc="fail", signed_by="")  # fmt: skip
    letter.envelope_from = f"x{scene.token(32)}@host{rng.randint(1, 99)}.vps.test"
    letter.host = f"host{rng.randint(1, 900)}.vps.test"
    return letter


def spam(scene: Scene) -> Letter:
    """Unwanted offers: pills, loans, search ranking, casino, fake goods, leads."""
    rng = scene.rng
    subject, text = rng.choice((
        ("{CHEAP|Discount} {meds|pills} {online|no prescription}", "{Buy|Order} {V1agra|cia|is|slimming pills} {without prescription|from $0.<n>}. {Fast worldwide shipping|100% satisfaction}!!! {Click here|Order now}."),
        ("{Rank #1 on Google|SEO proposal for <home>|Re: your website}", "{Hi|Dear owner}, I {found|visited} your website <home> and noticed {<n> errors|it does not rank}. We {guarantee first page|"
         "build <n>00 backlinks} for ${99|199}/month. {Shall I send a quote|Interested?}"),
        ("{Loan approved|Get $<n>,000 today}", "{Bad credit OK|No credit check}! {Personal and business loans|You are pre-approved for} {at 2% interest|up to $<n>,000}. {Apply in <n> seconds|Act now, limited time}."),
        ("{<n> free spins|Your bonus expires}", "{Claim your welcome bonus of|You won} $<n>00 {and <n> free spins|at our casino}! {No deposit needed|Play now and win big}."),
        ("{Luxury watches|Designer bags} -<n>0%", "{Replica|AAA quality} {watches|bags} {for him and her|best price}. {Only today|While stocks last}: <n>0% {off|discount}!"),
        ("{Verified B2B leads|Email list of <n>,000 contacts}", "{Hi|Hello}, {would you be interested in|we offer} a {targeted|fresh} list of {dentists|CFOs|attendees} {with e-mail and phone|in <n> countries}? {Let me know your target|Reply for counts and pricing}."),
        ("{Double your bitcoin|Earn $<n>00 a day from home}", "{This {simple|secret} system|My method} {made me|pays} $<n>,000 {a week|in a month}. {No experience needed|Guaranteed profit}. {Register before midnight|Only <n> places left}."),
        ("{Hot singles near you|<n> women viewed your profile}", "{Lonely|Meet} {single women|girls} in your {area|city} {tonight|now}. {No sign-up fee|View photos} {>>>|here}."),
    ))  # fmt: skip
    slots = {"n": str(rng.randint(3, 90)), "home": scene.world.home}
    brand = rng.choice(scene.world.brands["shop"])
    host = f"{scene.token(32)}.{rng.choice(('offers', 'best', 'promo', 'deal'))}{rng.randint(1, 99)}.example"
    url = f"http://{host}/{scene.token(24)}"
    subject, text = say(rng, subject, slots), say(rng, text, slots)
    letter = disguise(
        scene,
        rng.choice(
            (
                "Special Offer",
                rng.choice(FIRST),
                "Best Deals",
                "Support Team",
                rng.choice(FIRST) + " " + rng.choice(LAST),
            )
        ),
        brand,
    )
    letter.subject = rng.choice((subject, subject.upper(), f"Re: {subject}", f"{subject} {scene.token(16)}"))
    blocks = [layout.para(text), layout.button(rng.choice(("CLICK HERE", "Get it now", "Visit", "Order")), url),
              layout.Block("small", "remove me", f"http://{host}/out")]  # fmt: skip
    kind = rng.randrange(3)
    if kind == 0:
        letter.body = mime.text(rng, layout.plain(blocks[:-1]))
    else:
        html = mime.text(
            rng, layout.page(rng, blocks, title=subject, pixel=f"http://{host}/o.gif" if kind == 1 else ""), "html"
        )
        letter.body = (
            html if kind == 1 else mime.multipart(rng, "alternative", [mime.text(rng, layout.plain(blocks)), html])
        )
    letter.unsubscribe = rng.random() < 0.3
    return letter
