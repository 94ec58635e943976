"""Auth, history and enriched: (signal, message, value, other message, its value)."""

# ruff: noqa: ANN003, E501 - a row of the table is one line, and its parts are free

from __future__ import annotations

from math import log1p

from scorelane.signals.context import Directory, Fact, History

OURS = Directory(authserv_ids=frozenset({"mx.example.org"}), domains=frozenset({"example.com"}))


def auth(results, **more):
    return {"h": [("Authentication-Results", f"mx.example.org; {results}")], "directory": OURS, **more}


def fact(kind, value, entity="example.com", status="ok"):
    return {"facts": {kind: (Fact("1", kind, entity, status, value),)}}


def past(more=None, **counts):
    return {"hist": History(**counts), **(more or {})}


CALLS = {"text": None, "html": '<p>Hello there</p><a href="https://evil.test/x">Click here</a>'}


UNTRUSTED = {"h": [("Authentication-Results", "mx.evil.test; dmarc=pass; spf=pass; dkim=pass")], "directory": OURS}
SIGNED = {"h": [("DKIM-Signature", "v=1; a=rsa-sha256; d=example.com; s=a; b=x")]}
HANDED = (
    "Received",
    "from mail.example.com (mail.example.com [203.0.113.9]) by mx.example.org; Mon, 5 Jan 2026 10:00:00 +0000",
)
LINKED = {"text": "see https://young.example/x"}
NO_HISTORY = {}

ROWS = [
    ("dmarc_severity", auth("dmarc=fail header.from=example.com"), 3, UNTRUSTED, None),
    ("dmarc_failed_policy", auth("dmarc=fail policy.p=reject"), 2, auth("dmarc=pass policy.p=reject"), None),
    ("spf_severity", auth("spf=softfail smtp.mailfrom=a@b.test"), 2, UNTRUSTED, None),
    ("spf_aligned", auth("spf=pass smtp.mailfrom=x@mail.example.com"), 1, auth("spf=pass smtp.mailfrom=x@other.test"), 0),
    ("dkim_severity", auth("dkim=fail header.d=example.com"), 3, auth("dkim=pass header.d=example.com"), 0),
    ("dkim_aligned", auth("dkim=pass header.d=example.com"), 1, auth("dkim=pass header.d=other.test"), 0),
    ("dkim_any_failed", auth("dkim=pass header.d=a.test; dkim=fail header.d=b.test"), 1, auth("dkim=pass header.d=a.test"), 0),
    ("author_authenticated", auth("dmarc=pass"), 1, auth("spf=pass smtp.mailfrom=x@other.test"), 0),
    ("known_author_authenticated", auth("dmarc=pass", from_="service@paypal.com"), 1, auth("dmarc=pass", from_="a@gmail.com"), 0),
    ("arc_severity", auth("arc=fail"), 3, auth("arc=pass"), 0),
    ("reverse_dns_severity", auth("iprev=fail policy.iprev=203.0.113.1"), 3, UNTRUSTED, None),
    ("auth_undecided", auth("spf=temperror"), 1, auth("spf=pass"), 0),
    ("dkim_signer_is_author", SIGNED, 1, {**SIGNED, "from_": "a@other.test"}, 0),
    ("own_domain_unauthenticated", auth("spf=fail"), 1, auth("dmarc=pass"), 0),
    ("first_contact_address", past(), 1, past(address_to_recipient=1), 0),
    ("first_contact_tenant", past(), 1, past(address_count=1), 0),
    ("first_contact_domain", past(), 1, past(domain_count=1), 0),
    ("contact_count_log", past(address_to_recipient=3), log1p(3), NO_HISTORY, None),
    ("address_prevalence_log", past(address_count=3), log1p(3), NO_HISTORY, None),
    ("domain_prevalence_log", past(domain_count=3), log1p(3), NO_HISTORY, None),
    ("domain_prevalence_30d_log", past(domain_count_30d=3), log1p(3), NO_HISTORY, None),
    ("domain_known_days", past(domain_days_known=9.5), 9.5, past(), None),
    ("address_known_days", past(address_days_known=9.5), 9.5, past(), None),
    ("address_silent_days", past(address_days_since_last=2.0), 2, past(), None),
    ("new_name_for_address", past(address_count=2), 1, past(address_count=2, name_seen_for_address=True), 0),
    ("new_address_for_name", past(addresses_of_name=1), 1, past(), 0),
    ("names_of_address_log", past(names_of_address=2), log1p(2), past(), 0),
    ("addresses_of_name_log", past(addresses_of_name=2), log1p(2), past(), 0),
    ("solicited", past(wrote_to_address=1), 1, past(), 0),
    ("near_duplicates_log", past(near_duplicates=7), log1p(7), past(), 0),
    ("fan_out_1h_log", past(fan_out_1h=7), log1p(7), past(), 0),
    ("first_contact_fan_out", past(fan_out_1h=3, address_count=3), 1, past(fan_out_1h=3, address_count=9), 0),
    ("bad_share", past(bad_count=3, good_count=1), 4 / 6, past(), None),
    ("good_count_log", past(good_count=2), log1p(2), past(), 0),
    ("bad_count_log", past(bad_count=2), log1p(2), past(), 0),
    ("rarest_link_domain_log", past(link_domain_min_count=4), log1p(4), past(), None),
    ("stranger_with_new_link", past(link_domain_min_count=0), 1, past(link_domain_min_count=4), 0),
    ("call_to_action_beside_new_domain", past(CALLS, link_domain_min_count=0), 1, past(CALLS, link_domain_min_count=4), 0),
    ("unusual_hour", past(address_count=10, same_hours=1), 0.9, past(address_count=4), None),
    ("unusual_structure", past(address_count=10, same_structure=10), 0, past(address_count=4), None),
    ("unusual_recipients", past(address_count=9, same_recipients=0), 1, past(address_count=9, same_recipients=2), 0),
    ("mailer_prevalence_log", past(mailer_count=4), log1p(4), past(), None),
    ("new_mailer_of_known_sender", past(address_count=9, mailer_count=0), 1, past(address_count=9, mailer_count=3), 0),
    ("author_domain_age_days", fact("domain_age_days", 12.0), 12, fact("domain_age_days", None, status="timeout"), None),
    ("youngest_link_domain_age_days", {**LINKED, **fact("domain_age_days", 3.0, "young.example")}, 3, fact("domain_age_days", 3.0), None),
    ("author_domain_new", fact("domain_age_days", 12.0), 1, fact("domain_age_days", 400.0), 0),
    ("handover_listed", {"h": [HANDED], **fact("ip_listed", 1.0, "203.0.113.9")}, 1, {"h": [HANDED], **fact("ip_listed", 0.0, "203.0.113.9")}, 0),
    ("author_domain_listed", fact("domain_listed", 1.0), 1, fact("domain_listed", 0.0), 0),
    ("url_listed", fact("url_listed", 1.0, "https://x.test/"), 1, fact("url_listed", None, status="breaker_open"), None),
    ("attachment_listed", fact("hash_listed", 1.0, "00"), 1, fact("hash_listed", 0.0, "00"), 0),
    ("author_domain_dmarc", fact("domain_dmarc", 3.0), 3, fact("domain_dmarc", None, status="timeout"), None),
    ("author_domain_spf", fact("domain_spf", 2.0), 2, fact("domain_spf", 0.0), 0),
    ("author_domain_on_hold", fact("domain_on_hold", 1.0), 1, fact("domain_on_hold", 0.0), 0),
    ("link_domain_on_hold", {**LINKED, **fact("domain_on_hold", 1.0, "young.example")}, 1, {**LINKED, **fact("domain_on_hold", 0.0, "young.example")}, 0),
    ("link_domain_listed", {**LINKED, **fact("domain_listed", 1.0, "young.example")}, 1, {**LINKED, **fact("domain_listed", 1.0)}, None),
    ("link_domain_fast_flux", {**LINKED, **fact("domain_fast_flux", 1.0, "young.example")}, 1, {**LINKED, **fact("domain_fast_flux", None, "young.example", status="not_found")}, None),
    ("youngest_link_certificate_days", {**LINKED, **fact("certificate_age_days", 4.5, "young.example")}, 4.5, LINKED, None),
    ("link_certificate_untrusted", {**LINKED, **fact("certificate_trusted", 0.0, "young.example")}, 1, {**LINKED, **fact("certificate_trusted", 1.0, "young.example")}, 0),
    ("link_redirects", fact("url_redirects", 3.0, "https://s.test/a"), 3, fact("url_redirects", 0.0, "https://s.test/a"), 0),
    ("link_leaves_domain", fact("url_leaves_domain", 1.0, "https://s.test/a"), 1, fact("url_leaves_domain", 0.0, "https://s.test/a"), 0),
    ("author_domain_rank_log", fact("domain_rank", 100.0), 2, fact("domain_rank", 0.0), None),
    ("link_domains_unranked", {**LINKED, **fact("domain_rank", 0.0, "young.example")}, 1, {**LINKED, **fact("domain_rank", 5.0, "young.example")}, 0),
    ("handover_network_age_days", {"h": [HANDED], **fact("ip_age_days", 80.0, "203.0.113.9")}, 80, {"h": [HANDED], **fact("ip_age_days", None, "203.0.113.9", status="failed")}, None),
    ("author_domain_without_mx", fact("domain_has_mx", 0.0), 1, fact("domain_has_mx", 1.0), 0),
]  # fmt: skip
