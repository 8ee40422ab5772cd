"""The look of the picker in a real JupyterLab and a real Notebook 7."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.picker.view_script import VIEW, view_script
from tests.browser import stage
from tests.browser.jupyter import SCREENSHOTS
from tests.browser.picker_page import BUCKETS, LOAD, PICK, picker_in

if TYPE_CHECKING:
    import pytest

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter
    from tests.browser.view_page import ViewPage

PROTECT = "%config AwsProfileMagics.protected = ['*prod*']"


@pytest.mark.slow
def test_twenty_thousand_profiles(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """With 20,000 profiles, the page contains only the visible rows, even after scrolling."""
    with stage.very_many(embedded, 20_000):
        notebook = jupyter.lab(LOAD, PICK)
        picker = picker_in(notebook, 1)
        picker.open()
        expect(picker.options.first).to_have_attribute("aria-setsize", re.compile(r"^200\d\d$"))
        assert 0 < picker.options.count() <= 20
        picker.field.press("End")
        expect(picker.options.last).to_have_attribute("aria-posinset", re.compile(r"^200\d\d$"))
        assert picker.options.count() <= 20
        picker.search("live 1999 eu")
        expect(picker.root).to_contain_text(re.compile(r"\d+ of 20,0\d\d"))
        assert picker.options.count() <= 20
        assert picker.root.locator("*").count() < 500


@pytest.mark.slow
def test_long_names(view: ViewPage, embedded: EmbeddedAws) -> None:
    """Long names are shortened in the middle; the detail line and accessible names are complete."""
    view.switcher.protection.protected = ("*production*",)
    with stage.long_names(embedded):
        view.begin()
        for width in (1400, 700):
            view.page.set_viewport_size({"width": width, "height": 520})
            view.open()
            view.settle()
            view.search("acme prod")
            view.field.press("ArrowDown")
            ends = view.root.locator(".ipyap-long:nth-child(2) .ipyap-rest")
            cut = ends.evaluate_all(
                "all => all.filter(end => end.scrollWidth - end.clientWidth > 1)"
            )
            assert cut == []
            shown = view.options.nth(1)
            name = "acme-data-platform-production-eu-west-1-administrator-access"
            expect(shown).to_have_accessible_name(
                f"{name} ← UserAlpha, role PlatformAdministratorAccess, assume role, "
                "account 777788889999, Region eu-west-1, protected"
            )
            expect(view.root.locator(".ipyap-detail")).to_contain_text(name)
            list_width = view.root.locator(".ipyap-list").bounding_box() or {"width": 0}
            assert list_width["width"] > width - 40
            for theme in ("dark", "light"):
                view.theme(theme)
                picture = SCREENSHOTS / f"picker-long-names-{theme}-{width}.png"
                view.page.screenshot(path=picture, animations="disabled")
            view.field.press("Escape")


#: A name that looks like `prod-b`, and its text in the page.
ODD, ODD_SHOWN = "pr\u202e\u202dod\u200b-b", r"pr\u202e\u202dod\u200b-b"


def test_invisible_characters(view: ViewPage, embedded: EmbeddedAws) -> None:
    """The list, the field and the card escape a name's invisible characters, but not to switch."""
    with stage.restored(embedded.config_file):
        embedded.write_profile(
            ODD,
            source_profile="UserAlpha",
            role_arn=f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta",
            region="us-west-2",
        )
        view.begin()
        view.open()
        view.settle()
        view.search("od RoleBeta")
        row = view.options.first
        expect(row).to_have_accessible_name(re.compile(f"^{re.escape(ODD_SHOWN)} ← UserAlpha"))
        assert ODD_SHOWN in (row.get_attribute("title") or "")
        assert ODD_SHOWN in row.inner_text()
        row.click()
        view.settle_until(view.identity)
        view.shows(ODD_SHOWN)
        assert view.picker.value == ODD
        assert not set(view.page.content()) & set("\u202e\u202d\u200b")


def test_invisible_characters_in_the_toolbar(view: ViewPage) -> None:
    """The toolbar's button escapes them in its text, its tooltip and its accessible name."""
    script = view_script(VIEW / "toolbar.js").replace("export default {", "globalThis.button = {")
    view.page.add_script_tag(content=f"{{{script}}}")
    identity = {"profile": ODD, "name": ODD, "account": ODD, "left": None, "arn": ""}
    text, title, label = view.page.evaluate(
        """message => {
          const el = document.createElement("div"), heard = [];
          const model = {on: (_, listener) => heard.push(listener), off() {}, send() {}};
          button.render({model, el});
          for (const listener of heard) listener(message);
          return [el.textContent, el.firstChild.title, el.firstChild.ariaLabel];
        }""",
        {"type": "identity", "identity": identity},
    )
    assert text.startswith(f"{ODD_SHOWN}{ODD_SHOWN}")
    assert title.startswith(f"{ODD_SHOWN}, account {ODD_SHOWN}\n")
    assert label == f"AWS profile {ODD_SHOWN}, account {ODD_SHOWN}"


def test_columns_that_tell_nothing_apart(
    view: ViewPage, embedded: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The list omits columns with equal values, and the detail line if all columns fit."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with stage.restored(embedded.config_file):
        embedded.config_file.write_text(
            "".join(
                f"[profile {name}]\nregion = eu-west-1\ncredential_source = Environment\n"
                f"role_arn = arn:aws:iam::111122223333:role/{name}-role\n"
                for name in ("first", "second", "third")
            )
        )
        view.begin()
        view.open()
        view.settle()
        view.field.press("ArrowDown")
        heads = view.root.locator(".ipyap-head > span:visible")
        assert [text for text in heads.all_inner_texts() if text] == ["profile", "role"]
        row, detail = view.options.first, view.root.locator(".ipyap-detail")
        expect(row).to_have_accessible_name(re.compile("account 111122223333, Region eu-west-1"))
        expect(detail).to_be_hidden()
        view.field.press("Escape")
        view.page.set_viewport_size({"width": 500, "height": 760})
        view.open()
        view.settle()
        view.field.press("ArrowDown")
        assert [text for text in heads.all_inner_texts() if text] == ["profile"]
        expect(detail).to_contain_text("role first-role")
        expect(detail).to_be_visible()


@pytest.mark.slow
def test_looks_in_jupyterlab(jupyter: Jupyter, company: None) -> None:
    """The picker uses the theme's text colour, in both light and dark themes."""
    notebook = jupyter.lab(LOAD, PROTECT, PICK)
    picker = picker_in(notebook, 2)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    field = picker.root.locator(".ipyap-field")
    probe = "(el, colour) => { el.style.color = colour; return getComputedStyle(el).color }"
    colours = set()
    for theme in ("dark", "light"):
        notebook.theme(theme)
        picker.open()
        picker.field.press("ArrowDown")
        expect(picker.root.locator(".ipyap-active")).to_be_visible()
        themed = notebook.page.evaluate(
            "getComputedStyle(document.body).getPropertyValue('--jp-ui-font-color1').trim()"
        )
        colour = field.evaluate("el => getComputedStyle(el).color")
        assert colour == picker.placeholder.evaluate(probe, themed)
        colours.add(colour)
        assert notebook.screenshot(f"picker-{theme}").stat().st_size > 0
        if theme == "light" and os.environ.get("UPDATE_SCREENSHOTS"):
            shown = notebook.screenshot("picker", notebook.cell(2))
            picture = Path(__file__).parents[2] / "docs" / "picker.png"
            Image.open(shown).quantize(128).save(picture, optimize=True)
        picker.field.press("Escape")
    assert len(colours) == 2


@pytest.mark.slow
def test_notebook_7(jupyter: Jupyter, company: None) -> None:
    """The picker also works in Notebook 7."""
    notebook = jupyter.notebook_7(LOAD, PICK, BUCKETS)
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    expect(notebook.run(2).locator("tbody tr")).to_have_count(3)
    picker.open()
    assert notebook.screenshot("picker-notebook-7").stat().st_size > 0
