"""What the message says: families of phrases, and combinations that attacks need.

Each family is a file of `lists/phrases/`, dated and in several languages; a value is the number of its
different phrases in subject and newest text. Quoted text and list footers are not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import signal
from scorelane.signals.phrases import MOST_PHRASES

if TYPE_CHECKING:
    from scorelane.signals.phrases import Phrases

MOST = float(MOST_PHRASES)


@signal(version=1, attacks=("phishing",), range=(0, MOST), monotone=1)
def credential_language(phrases: Phrases) -> float:
    """Phrases that ask to sign in, confirm an account or give a password, at most 20.

    Source: phrase file `credential`.
    """
    return float(phrases.credential)


@signal(version=1, attacks=("phishing",), range=(0, MOST), monotone=1)
def account_threat_language(phrases: Phrases) -> float:
    """Phrases that say an account is suspended, limited or misused, at most 20.

    Source: phrase file `account_threat`.
    """
    return float(phrases.account_threat)


@signal(version=1, attacks=("phishing",), range=(0, MOST), monotone=1)
def mailbox_notice_language(phrases: Phrases) -> float:
    """Phrases of a pretended mail system: quota, held messages, upgrade, at most 20.

    Source: phrase file `mailbox_notice`.
    """
    return float(phrases.mailbox_notice)


@signal(version=1, attacks=("phishing", "malware"), range=(0, MOST))
def document_lure_language(phrases: Phrases) -> float:
    """Phrases of a document, fax or voice message that waits behind a link, at most 20.

    Source: phrase file `document_lure`.
    """
    return float(phrases.document_lure)


@signal(version=1, attacks=("bec", "invoice_fraud"), range=(0, MOST), monotone=1)
def payment_change_language(phrases: Phrases) -> float:
    """Phrases that ask to change where money goes or to move it now, at most 20.

    Source: phrase file `payment_change`.
    """
    return float(phrases.payment_change)


@signal(version=1, attacks=("bec",), range=(0, MOST), monotone=1)
def payroll_language(phrases: Phrases) -> float:
    """Phrases of salary and direct deposit, at most 20. Source: phrase file `payroll`."""
    return float(phrases.payroll)


@signal(version=1, attacks=("bec",), range=(0, MOST), monotone=1)
def gift_card_language(phrases: Phrases) -> float:
    """Phrases that ask for gift cards or their codes, at most 20. Source: phrase file `gift_card`."""
    return float(phrases.gift_card)


@signal(version=1, attacks=("bec",), range=(0, MOST), monotone=1)
def bec_probe_language(phrases: Phrases) -> float:
    """Phrases that open a fraud talk: are you free, a quick task, at most 20. Source: phrase file `bec_probe`."""
    return float(phrases.bec_probe)


@signal(version=1, attacks=("bec", "advance_fee"), range=(0, MOST))
def secrecy_language(phrases: Phrases) -> float:
    """Phrases that ask to keep it quiet, or not to call, at most 20. Source: phrase file `secrecy`."""
    return float(phrases.secrecy)


@signal(version=1, attacks=("bec", "job_scam", "romance"), range=(0, MOST))
def pivot_language(phrases: Phrases) -> float:
    """Phrases that move the talk to another channel, at most 20. Source: phrase file `pivot`."""
    return float(phrases.pivot)


@signal(version=1, attacks=("invoice_fraud", "callback"), range=(0, MOST))
def invoice_language(phrases: Phrases) -> float:
    """Phrases of invoices, orders and overdue payment, at most 20. Source: phrase file `invoice`."""
    return float(phrases.invoice)


@signal(version=1, attacks=("callback",), range=(0, MOST))
def callback_language(phrases: Phrases) -> float:
    """Phrases that ask to call a support number, or to cancel by telephone, at most 20.

    Source: phrase file `callback`.
    """
    return float(phrases.callback)


@signal(version=1, attacks=("extortion",), range=(0, MOST), monotone=1)
def extortion_language(phrases: Phrases) -> float:
    """Phrases that threaten to publish, harm or attack unless paid, at most 20. Source: phrase file `extortion`."""
    return float(phrases.extortion)


@signal(version=1, attacks=("job_scam",), range=(0, MOST), monotone=1)
def job_scam_language(phrases: Phrases) -> float:
    """Phrases of easy work, mystery shopping and money mules, at most 20. Source: phrase file `job_scam`."""
    return float(phrases.job_scam)


@signal(version=1, attacks=("advance_fee",), range=(0, MOST), monotone=1)
def advance_fee_language(phrases: Phrases) -> float:
    """Phrases of inheritance, lottery and fund transfer, at most 20. Source: phrase file `advance_fee`."""
    return float(phrases.advance_fee)


@signal(version=1, attacks=("romance",), range=(0, MOST), monotone=1)
def romance_language(phrases: Phrases) -> float:
    """Phrases of romance and dating approaches, at most 20. Source: phrase file `romance`."""
    return float(phrases.romance)


@signal(version=1, attacks=("investment", "spam"), range=(0, MOST), monotone=1)
def investment_language(phrases: Phrases) -> float:
    """Phrases of quick riches, stocks, loans and coins, at most 20. Source: phrase file `investment`."""
    return float(phrases.investment)


@signal(version=1, attacks=("phishing",), range=(0, MOST))
def delivery_language(phrases: Phrases) -> float:
    """Phrases of a parcel that waits for a fee or an address, at most 20. Source: phrase file `delivery`."""
    return float(phrases.delivery)


@signal(version=1, attacks=("phishing",), range=(0, MOST), monotone=1)
def refund_language(phrases: Phrases) -> float:
    """Phrases of a refund to claim, at most 20. Source: phrase file `refund`."""
    return float(phrases.refund)


@signal(version=1, attacks=("spam", "phishing"), range=(0, MOST), monotone=1)
def prize_language(phrases: Phrases) -> float:
    """Phrases of surveys, free goods and rewards, at most 20. Source: phrase file `prize`."""
    return float(phrases.prize)


@signal(version=1, attacks=("spam",), range=(0, MOST), monotone=1)
def pharma_language(phrases: Phrases) -> float:
    """Phrases of medicines, bodies and adult goods, at most 20. Source: phrase file `pharma`."""
    return float(phrases.pharma)


@signal(version=1, attacks=("spam",), range=(0, MOST))
def goods_language(phrases: Phrases) -> float:
    """Phrases of cheap software, replicas and pressing offers, at most 20. Source: phrase file `goods`."""
    return float(phrases.goods)


@signal(version=1, attacks=("spam",), range=(0, MOST), monotone=1)
def outreach_language(phrases: Phrases) -> float:
    """Phrases of cold sales: search ranking, web design, lists, at most 20. Source: phrase file `outreach`."""
    return float(phrases.outreach)


@signal(version=1, attacks=("phishing", "bec"), range=(0, MOST), monotone=1)
def urgency_language(phrases: Phrases) -> float:
    """Phrases that press for haste, at most 20. Source: phrase file `urgency`."""
    return float(phrases.urgency)


@signal(version=1, attacks=("phishing", "advance_fee"), range=(0, MOST), monotone=1)
def generic_greeting(phrases: Phrases) -> float:
    """Greetings without a name, at most 20. Source: phrase file `greeting`."""
    return float(phrases.greeting)


@signal(version=1, attacks=("phishing", "spam"), range=(0, MOST))
def call_to_action_language(phrases: Phrases) -> float:
    """Phrases that tell to click, open or visit, at most 20. Source: phrase file `click_action`."""
    return float(phrases.click_action)


@signal(version=1, attacks=("phishing",), range=(0, MOST))
def department_sign_off(phrases: Phrases) -> float:
    """Signatures of a faceless department, at most 20. Source: phrase file `sign_off`."""
    return float(phrases.sign_off)


@signal(version=1, range=(0, MOST))
def bulk_footer_language(phrases: Phrases) -> float:
    """What bulk mail says of itself: unsubscribe, preferences, why you get this, at most 20.

    Source: phrase file `bulk_footer`.
    """
    return float(phrases.bulk_footer)


@signal(version=1, attacks=("spam",), range=(0, MOST), monotone=1)
def removal_claim_language(phrases: Phrases) -> float:
    """What spam says of its lawfulness and of removal, at most 20. Source: phrase file `removal_claim`."""
    return float(phrases.removal_claim)


@signal(version=1, attacks=("malware",), range=(0, MOST))
def archive_password_language(phrases: Phrases) -> float:
    """Phrases that give the password of a file, at most 20. Source: phrase file `archive_password`."""
    return float(phrases.archive_password)
