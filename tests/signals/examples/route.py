"""Route: (signal, message, value, other message, its value)."""

from __future__ import annotations

HONEST = {}


def hop(frm, minute="00", with_="ESMTPS"):
    return ("Received", f"from {frm} by mx.example.org with {with_} id 7; Mon, 5 Jan 2026 10:{minute}:00 +0000")


GOOD = {"h": [hop("mail.example.com (mail.example.com [203.0.113.9])", "30"), hop("[10.0.0.5]", "00")]}
HOME = {"h": [hop("friend (dsl-203-0-113-9.pool.isp.test [203.0.113.9])", with_="SMTP")]}
NAMELESS = {"h": [hop("friend ([203.0.113.9])")]}
BULK = [
    ("List-Unsubscribe", "<https://example.com/u?1>, <mailto:u@example.com>"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ("Feedback-ID", "1:2:3:esp"),
    ("Precedence", "bulk"),
    ("X-Report-Abuse", "abuse@example.com"),
    ("DKIM-Signature", "v=1; d=example.com; s=a; b=x"),
]


def head(name, value):
    return {"h": [(name, value)]}


ROWS = [
    ("hop_count", GOOD, 2, HONEST, None),
    ("hop_span_hours", GOOD, 0.5, HOME, None),
    ("date_lag_hours", head("Date", "Mon, 05 Jan 2026 08:00:00 +0000"), 2, head("Date", "soon"), None),
    ("date_in_future", head("Date", "Tue, 06 Jan 2026 10:00:00 +0000"), 1, HONEST, 0),
    ("date_missing", {"drop": ["Date"]}, 1, HONEST, 0),
    ("message_id_missing", {"drop": ["Message-ID"]}, 1, HONEST, 0),
    ("message_id_malformed", head("Message-ID", "<123@localhost>"), 1, HONEST, 0),
    ("message_id_domain_differs", head("Message-ID", "<1@other.test>"), 1, HONEST, 0),
    ("message_id_by_recipient", head("Message-ID", "<1@mx.example.org>"), 1, HONEST, 0),
    ("handover_without_name", NAMELESS, 1, GOOD, 0),
    ("handover_from_home", HOME, 1, GOOD, 0),
    ("helo_malformed", HOME, 1, GOOD, 0),
    ("helo_differs_from_name", HOME, 1, GOOD, 0),
    ("handover_is_authors", GOOD, 1, HOME, 0),
    ("handover_encrypted", GOOD, 1, HOME, 0),
    ("claims_high_priority", head("X-Priority", "1 (Highest)"), 1, HONEST, 0),
    ("reply_without_references", {"subject": "Re: your invoice"}, 1, HONEST, 0),
    ("reply_with_references", {"subject": "AW: Lunch", "h": [("References", "<0@example.org>")]}, 1, HONEST, 0),
    ("reference_count", head("References", "<a@x.test> <b@x.test>"), 2, HONEST, 0),
    ("subject_says_forward", {"subject": "Fwd: Lunch"}, 1, HONEST, 0),
    ("one_click_unsubscribe", {"h": BULK}, 1, {"h": BULK[:1]}, 0),
    ("unsubscribe_is_authors", {"h": BULK}, 1, {"h": BULK, "from_": "a@other.test"}, 0),
    ("bulk_mailer", head("Return-Path", "<bounce@sendgrid.net>"), 1, HONEST, 0),
    ("bulk_headers", {"h": BULK}, 1, HONEST, 0),
    ("bulk_chain_aligned", {"h": BULK}, 1, head("Return-Path", "<x@other.test>"), 0),
    ("is_bounce", head("Return-Path", "<>"), 1, HONEST, 0),
    ("repeated_single_headers", {"h": [("Subject", "a"), ("Subject", "b")]}, 1, HONEST, 0),
    ("mime_version_missing", {"drop": ["MIME-Version"]}, 1, HONEST, 0),
    ("defect_count", {"drop": ["Date"]}, 1, HONEST, 0),
]
