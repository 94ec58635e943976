"""The console for everybody: axe-core on every page in light and dark, by keyboard alone, and 360 px wide."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import log_in

pytestmark = pytest.mark.browser

PAGES = (
    "/messages",
    "/messages?verdict=any&subject=the",
    "/lanes",
    "/lanes/fleet",
    "/dead-letters",
    "/models",
    "/account",
    "/rescans",
    "/rescans/new?preview=yes",
)


def open_message(page, console):
    page.goto(f"{console.url}/messages")
    page.locator(".messages a.subject").first.click()
    page.wait_for_url(re.compile(r"/messages/[0-9a-f-]{36}$"))


def serious(page):
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"][:160] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, console, scheme):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    findings = {}
    for path in PAGES:
        page.goto(console.url + path)
        findings[path] = serious(page)
    open_message(page, console)
    page.get_by_role("button", name=re.compile("spam$", re.IGNORECASE)).click()
    page.get_by_role("list", name="Labels").wait_for()
    page.get_by_role("button", name="Show source").click()
    page.get_by_label("Source of this message").wait_for()
    findings["message"] = serious(page)
    page.get_by_role("button", name=re.compile("^Take back spam")).first.click()
    page.get_by_text("taken back").first.wait_for()
    page.context.clear_cookies()
    page.goto(f"{console.url}/login")
    findings["login"] = serious(page)
    assert {path: found for path, found in findings.items() if found} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_audit_page_is_for_everybody_too(chromium, console, scheme):
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = context.new_page()
    log_in(page, console, "admin", console.admin_password)
    page.goto(f"{console.url}/audit")
    assert page.get_by_role("heading", name="Audit").is_visible()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_single_messages_are_chosen_by_keyboard_and_rescanned(page, console):
    page.goto(f"{console.url}/messages?verdict=any")
    button = page.get_by_role("button", name="Rescan the chosen")
    expect(button).to_be_hidden()
    for key in "jxjx":
        page.locator(":focus, body").last.press(key)
    button.click()
    expect(page.get_by_text("Only these 2 messages")).to_be_visible()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview")).to_contain_text("2 messages")
    page.get_by_role("button", name="Start the rescan").click()
    page.get_by_role("heading", name="Rescan done").wait_for()
    expect(page.get_by_text("of 2", exact=True)).to_be_visible()


def test_the_theme_is_chosen_and_kept(page, console):
    page.emulate_media(color_scheme="light")
    page.goto(f"{console.url}/lanes")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Theme: auto").click()
    page.get_by_role("button", name="Theme: light").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.goto(f"{console.url}/models")
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="Theme: dark").click()
    assert page.evaluate(ground) == light


def test_everything_is_reached_by_keyboard(page, console):
    page.goto(f"{console.url}/messages")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    first = page.locator(".messages a.subject").first
    expect(first).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/messages/[0-9a-f-]{36}$"))
    label = page.get_by_role("button", name=re.compile("attack$", re.IGNORECASE))
    label.focus()
    page.keyboard.press("Enter")
    page.get_by_role("list", name="Labels").wait_for()
    page.locator("body").press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("body").press("g")
    page.locator("body").press("l")
    expect(page).to_have_url(f"{console.url}/lanes")


def test_nothing_overflows_at_360_pixels(page, console):
    page.set_viewport_size({"width": 360, "height": 740})
    wide = {}
    for path in PAGES:
        page.goto(console.url + path)
        wide[path] = page.evaluate("document.documentElement.scrollWidth")
    open_message(page, console)
    wide["message"] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in wide.items() if width > 360} == {}


def test_it_works_without_scripts(chromium, console, cookies):
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    open_message(page, console)
    page.get_by_role("button", name=re.compile("spam$", re.IGNORECASE)).click()
    expect(page.get_by_role("list", name="Labels")).to_contain_text("spam by console:anna")
    page.get_by_role("button", name="Show source").click()
    expect(page.get_by_label("Source of this message")).to_contain_text("Received:")
    context.close()
