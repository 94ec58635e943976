"""Identity: (signal, message, value, other message, its value)."""

# ruff: noqa: ANN002, ANN003, E501 - a row of the table is one line, and its parts are free

from __future__ import annotations

from scorelane.signals.context import Directory, Person

HONEST = {}
TENANT = Directory(
    domains=frozenset({"contoso.test"}),
    partners=frozenset({"fabrikam.test"}),
    people=(
        Person("Grace Hopper", ("grace@contoso.test",), "CEO", is_vip=True),
        Person("Alan Turing", ("alan@contoso.test", "alan.private@gmail.com")),
    ),
)


def frm(value, **more):
    return {"from_": value, **more}


def known(value):
    return {"from_": value, "directory": TENANT}


def reply(value, **more):
    return {"h": [("Reply-To", value)], **more}


def path(value, *more):
    return {"h": [("Return-Path", f"<{value}>"), *more]}


ROWS = [
    ("author_missing", frm("undisclosed"), 1, HONEST, 0),
    ("author_count", frm("a@example.com, b@example.com"), 2, HONEST, 1),
    ("reply_to_domain_differs", reply("x@other.test"), 1, reply("x@mail.example.com"), 0),
    ("reply_to_free_mail_differs", reply("ceo.office@gmail.com"), 1, reply("ann@example.com"), 0),
    ("reply_to_same_local_other_domain", reply("ann.lee@examp1e.com"), 1, reply("other@examp1e.com"), 0),
    ("return_path_differs", path("x@other.test"), 1, HONEST, 0),
    ("return_path_differs_and_no_bulk_mailer", path("x@other.test"), 1, path("x@other.test", ("List-Id", "<a.example.com>")), 0),
    ("sender_header_differs", {"h": [("Sender", "x@other.test")]}, 1, HONEST, None),
    ("author_free_mail", frm("ann@gmail.com"), 1, HONEST, 0),
    ("author_disposable", frm("ann@mailinator.com"), 1, HONEST, 0),
    ("author_suspicious_tld", frm("ann@shiny.top"), 1, HONEST, 0),
    ("author_on_free_host", frm("ann@tenant1.onmicrosoft.com"), 1, HONEST, 0),
    ("author_domain_labels", frm("ann@a.b.example.com"), 3, HONEST, 1),
    ("author_domain_digit_share", frm("ann@ab12.com"), 0.5, HONEST, 0),
    ("author_domain_hyphens", frm("ann@my-own-bank.com"), 2, HONEST, 0),
    ("author_local_length", frm("ab@example.com"), 2, HONEST, 7),
    ("author_local_digit_share", frm("ab12@example.com"), 0.5, HONEST, 0),
    ("author_is_role", frm("no-reply-7@example.com"), 1, HONEST, 0),
    ("display_name_missing", frm("ann@example.com"), 1, HONEST, 0),
    ("display_name_other_address", frm('"boss@contoso.test" <x@evil.test>'), 1, HONEST, 0),
    ("display_name_other_domain", frm('"contoso.com billing" <x@evil.test>'), 1, HONEST, 0),
    ("display_name_fits_address", HONEST, 1, frm("Ann Lee <xyz@other.test>"), 0),
    ("free_mail_behind_corporate_name", frm("Northwind Payroll Dept <nw.pay@gmail.com>"), 1, frm("Ann Lee <ann@gmail.com>"), 0),
    ("display_name_is_executive", frm('"Grace Hopper, CEO" <x@evil.test>'), 1, HONEST, 0),
    ("display_name_upper_share", frm("ANN <ann@example.com>"), 1, frm("ann <ann@example.com>"), 0),
    ("author_is_recipient", {"to": "ann.lee@example.com"}, 1, HONEST, 0),
    ("author_shares_recipient_domain", {"to": "x@mail.example.com"}, 1, HONEST, 0),
    ("recipients_undisclosed", {"to": "undisclosed-recipients:;"}, 1, HONEST, 0),
    ("recipient_count", {"to": "a@b.test, c@d.test, e@f.test"}, 3, HONEST, 1),
    ("recipient_name_is_address", {"to": '"bob@example.org" <bob@example.org>'}, 1, HONEST, 0),
    ("display_name_brand_mismatch", frm("PayPal Service <x@evil.test>"), 1, frm("PayPal <service@paypal.com>"), 0),
    ("subject_brand_mismatch", {"subject": "Your Netflix account"}, 1, {"subject": "Your Netflix account", "from_": "a@netflix.com"}, 0),
    ("address_brand_mismatch", frm("paypal-service@evil.test"), 1, frm("service@paypal.com"), 0),
    ("author_near_brand", frm("x@micros0ft.com"), 1, frm("x@microsoft.com"), 0),
    ("author_near_own_domain", known("x@contosso.test"), 1, known("x@contoso.test"), 0),
    ("author_contains_own_name", known("x@contoso-payments.test"), 1, known("x@fabrikam.test"), 0),
    ("author_domain_punycode", frm("x@xn--pypal-4ve.com"), 1, HONEST, 0),
    ("author_domain_mixed_script", frm("x@xn--pypal-4ve.com"), 1, frm("x@xn--mnchen-3ya.de"), 0),
    ("display_name_mixed_script", frm("P\u0430yPal <x@evil.test>"), 1, frm("M\u00fcller <x@evil.test>"), 0),
    ("employee_name_from_outside", known('"Turing, Alan" <x@evil.test>'), 1, known("Alan Turing <alan.private@gmail.com>"), 0),
    ("vip_name_from_outside", known("Grace Hopper <ceo@evil.test>"), 1, known("Alan Turing <x@evil.test>"), 0),
    ("display_name_says_own_organisation", known("Contoso Payroll <x@evil.test>"), 1, known("Contoso Payroll <x@contoso.test>"), 0),
    ("author_is_partner", known("x@fabrikam.test"), 1, known("x@evil.test"), 0),
    ("author_is_brand", frm("x@paypal.com"), 1, HONEST, 0),
    ("display_name_says_recipient_domain", frm("example.org IT desk <x@evil.test>"), 1, HONEST, 0),
]  # fmt: skip
