"""The main job, the cards, the picker and the toolbar in a real JupyterLab.

With UPDATE_SCREENSHOTS=1, the tests also update the documentation's pictures.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import nbformat
import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from ipy_awsprofile.cards.cards import identity_card
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow
from tests.aws import EmbeddedAws
from tests.browser.jupyter import HAS_SUBSHELLS, Jupyter, Notebook
from tests.browser.pages import BUCKETS, LOAD, PICK, PickerPage, ToolbarPage
from tests.browser.stage import restored
from tests.cards.test_cards import identity
from tests.roles import add_mfa_role

SWITCH = "%aws_profile RoleBeta"
SWITCHED = f"{LOAD}\n{SWITCH}"
CARD = ".ipy-awsprofile-card"
#: Files to read after the sign-in has expired.
WRITE = """import pandas as pd
PATH = "s3://my-first-bucket/after-a-night"
cities = pd.DataFrame({"city": ["Oslo"]})
cities.to_csv(f"{PATH}.csv", index=False)
cities.to_parquet(f"{PATH}.parquet")"""

_SESSION = "window.jupyterapp.shell.currentWidget.sessionContext"


# Cards ---


def test_the_main_job(jupyter: Jupyter) -> None:
    """A narrow window shows the button, the card and the buckets; all follow JupyterLab's theme.

    An error shows its box. The profiles and an explanation have cards, too.
    """
    notebook = jupyter.open(LOAD, SWITCH, BUCKETS)
    tool = ToolbarPage(notebook)
    notebook.page.set_viewport_size({"width": 800, "height": 560})
    assert notebook.run(0).inner_text() == ""
    card = notebook.run(1).locator(CARD)
    expect(card).to_contain_text("RoleBeta ← UserAlpha")
    expect(card).to_contain_text("arn:aws:sts::123456789012:assumed-role/RoleBeta/")
    table = notebook.run(2).locator("tbody tr")
    expect(table).to_have_count(3)
    tool.says("RoleBeta")
    for part in (tool.toggle, card, table.nth(2)):
        expect(part).to_be_in_viewport(ratio=0.9)
    panel = notebook.page.locator(".jp-NotebookPanel:visible")
    colours = set()
    for theme, suffix in (("dark", "-dark"), ("light", "")):
        notebook.theme(theme)
        notebook.picture(f"first-switch{suffix}", panel)
        colours.add(tool.toggle.evaluate("button => getComputedStyle(button).backgroundColor"))
    assert len(colours) == 2
    notebook.page.set_viewport_size({"width": 1200, "height": 760})
    tool.pop_up()
    notebook.picture("toolbar")
    notebook.page.keyboard.press("Escape")
    expect(notebook.enter("%aws_profile RoleBeat").locator("pre")).to_have_text(
        "ProfileNotFound: There is no profile `RoleBeat` in the shared config files.\n"
        "Did you mean `RoleBeta`?"
    )
    names = notebook.enter("%aws_profiles").locator("td:first-child")
    for name in ("UserAlpha", "RoleBeta"):
        expect(names.filter(has_text=name)).to_have_count(1)
    notebook.enter("%env AWS_CONFIG_FILE=~/.aws/config-company")
    explanation = notebook.enter("%aws_profile --explain Auditor-typed").locator(CARD)
    expect(explanation).to_contain_text("arn:aws:iam::231179739868:mfa/Maria")
    notebook.page.set_viewport_size({"width": 1000, "height": 1000})
    notebook.cell(4).locator(".jp-InputPrompt").click()  # the pictures show no active cell
    notebook.picture("explain", notebook.cell(6))


def test_a_new_notebook(jupyter: Jupyter) -> None:
    """In a new notebook, `Alt+Shift+P` loads the extension, says so in a cell, and opens the list.

    After a switch there, *Copy as code* copies its line, and *Insert as cell* adds it above the
    active cell.
    """
    notebook = jupyter.open("1")
    tool = ToolbarPage(notebook)
    notebook.cell(0).locator(".cm-content").click()
    notebook.page.keyboard.press("Alt+Shift+KeyP")
    tool.is_ready()
    expect(notebook.cell(0).locator(".cm-content")).to_have_text(LOAD)
    tool.choose("UserAlpha")
    tool.says("UserAlpha")
    tool.pop_up()
    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tool.button("Copy as code").click()
    expect(tool.button("Copied")).to_be_visible()
    assert notebook.page.evaluate("navigator.clipboard.readText()") == "%aws_profile UserAlpha"
    tool.button("Insert as cell").click()
    expect(notebook.cell(1).locator(".cm-content")).to_have_text("%aws_profile UserAlpha")
    expect(notebook.cell(2).locator(".cm-content")).to_have_text("1")


def test_a_card_in_an_untrusted_notebook(jupyter: Jupyter) -> None:
    """JupyterLab's sanitizer keeps a card's red edge, its rows, and the badge `protected`."""
    card = identity_card(identity(), variable="session", is_protected=True)
    name = jupyter.server.write(["1"])
    file = jupyter.server.root / name
    saved = nbformat.read(file, as_version=4)
    data = {"text/html": card._repr_html_(), "text/plain": str(card)}
    saved.cells[0].outputs = [nbformat.v4.new_output("display_data", data=data)]
    nbformat.write(saved, file)  # without a signature, so it's untrusted
    shown = jupyter.open(name=name).outputs(0).locator(CARD)
    expect(shown).not_to_have_attribute("style", re.compile("border-left-color"))  # sanitized
    expect(shown).to_have_css("border-left", "4px solid rgb(198, 40, 40)")
    expect(shown.get_by_text("protected")).to_have_css("border-top-color", "rgb(198, 40, 40)")
    expect(shown.get_by_role("row")).to_have_count(5)


# MFA, sign-ins and saved notebooks ---


needs_subshells = pytest.mark.skipif(
    not HAS_SUBSHELLS, reason="before ipykernel 7, only Jupyter's own field can answer a cell"
)


#: How many rows of a list have their label beside their value, or 0 if one hasn't.
_ROWS = """list => {
  const tops = [...list.children].map(part => part.getBoundingClientRect().top);
  const labels = tops.filter((_, index) => index % 2 === 0);
  const areBeside = labels.every((top, index) => top === tops[2 * index + 1]);
  return areBeside ? labels.length : 0;
}"""


@needs_subshells
def test_mfa_and_sign_in(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """A cell asks for an MFA code, and shows the link of a sign-in; no saved file has a secret.

    Even in a narrow window, each row about the sign-in has its label beside its value.

    When the sign-in has expired, a read by pandas shows it again, and returns its DataFrame. The
    picker shows the same link, leaves the kernel free, and switches after the sign-in.
    """
    serial = add_mfa_role(embedded, "RoleTyped")
    with analyst(embedded):
        notebook = jupyter.open(LOAD)
        notebook.run(0)
        # Before the page has connected, the cell asks in Jupyter's own field.
        ToolbarPage(notebook).says("No AWS profile")
        shown = notebook.begin("%aws_profile RoleTyped", serial)
        code = embedded.iam.mfa_code(serial)
        field = shown.get_by_label("MFA code from")
        expect(field).to_be_focused()
        field.fill(code)
        field.press("Enter")
        expect(shown.locator(CARD).last).to_contain_text("RoleTyped ← RoleTypedUser")
        notebook.wait_until_idle()

        shown = notebook.begin("%aws_profile Analyst", "Sign in for Analyst")
        assert "user_code" not in notebook.save()  # even while the cell is waiting
        notebook.page.set_viewport_size({"width": 400, "height": 760})
        about = shown.locator(".ipyap-about")
        expect(about.locator("dt").first).to_be_visible()
        assert about.evaluate(_ROWS) > 3
        notebook.page.set_viewport_size({"width": 1000, "height": 760})
        allow_on_page(notebook.page, shown.get_by_role("link"))
        card = shown.locator(CARD)
        expect(card).to_contain_text("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_")
        notebook.wait_until_idle()

        notebook.enter(WRITE)
        for read in ("pd.read_csv(f'{PATH}.csv')", "pd.read_parquet(f'{PATH}.parquet')"):
            notebook.enter("%run ~/.aws/night.py")
            shown = notebook.begin(read, "Sign in for Analyst")
            allow_on_page(notebook.page, shown.get_by_role("link"))
            expect(shown.locator("tbody td")).to_have_text("Oslo")
            notebook.wait_until_idle()

        notebook.enter("%aws_profile --logout")
        picker = PickerPage(notebook.enter(PICK))
        picker.choose("Analyst")
        link = picker.root.get_by_role("link", name="Open the sign-in page")
        expect(link).to_be_visible()
        expect(notebook.enter("6 * 7")).to_contain_text("42")
        allow_on_page(notebook.page, link)
        expect(picker.identity).to_contain_text("assumed-role/AWSReservedSSO_Analyst_")
        saved = notebook.save()
        secrets = (code, "user_code", *embedded.iam.secrets)
        assert [secret for secret in secrets if secret in saved] == []


@needs_subshells
def test_one_question_in_several_places(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """A question of a cell is on the button, in any tab and after a reload; each can answer it.

    A wrong code is said at the field. After *Cancel*, the cell ends, and a page that is reloaded
    while the cell waits finds its question. A question of pandas can be answered there, too, and
    in a tab whose popup is still open.
    """
    serial = add_mfa_role(embedded, "RoleAsked")
    with analyst(embedded):
        notebook = jupyter.open(LOAD)
        notebook.run(0)
        other = jupyter.open(name=notebook.file.name)
        here, there = ToolbarPage(notebook), ToolbarPage(other)
        there.says("No AWS profile")
        shown = notebook.begin("%aws_profile RoleAsked", serial)
        here.says("MFA code")
        there.says("MFA code")
        there.toggle.click()
        there.code.fill("000000")
        there.code.press("Enter")
        for wrong in (there.wrong, shown.locator(".ipyap-wrong")):
            expect(wrong).to_contain_text("AWS refused the MFA code")
        there.code.fill(embedded.iam.mfa_code(serial))
        there.code.press("Enter")
        for tool in (here, there):
            tool.says("RoleAsked")
        expect(shown.locator(CARD)).to_contain_text("RoleAsked ← RoleAskedUser")
        expect(shown.get_by_text("MFA code for")).to_have_count(0)
        notebook.wait_until_idle()

        shown = notebook.begin("%aws_profile Analyst", "Sign in for Analyst")
        shown.get_by_role("button", name="Cancel").click()
        expect(shown).to_contain_text("was canceled")
        notebook.wait_until_idle()

        notebook.begin("%aws_profile Analyst", "Sign in for Analyst")
        notebook.load(is_idle=False)
        for tool in (here, there):
            tool.says("Sign in")
        here.toggle.click()
        expect(here.popup).to_contain_text("portal")
        allow_on_page(notebook.page, here.popup.get_by_role("link"))
        for tool in (here, there):
            tool.says("Analyst")
        notebook.wait_until_idle()

        notebook.page.keyboard.press("Escape")
        notebook.enter(WRITE)
        expect(there.popup).to_be_visible()
        for answering in (there, here):
            notebook.enter("%run ~/.aws/night.py")
            shown = notebook.begin("pd.read_csv(f'{PATH}.csv')", "Sign in for Analyst")
            for tool in (here, there):
                tool.says("Sign in")
            if not answering.popup.count():
                answering.toggle.click()
            allow_on_page(answering.page, answering.popup.get_by_role("link"))
            expect(shown.locator("tbody td")).to_have_text("Oslo")
            for tool in (here, there):
                expect(tool.toggle).not_to_contain_text("Sign in")
            notebook.wait_until_idle()


@needs_subshells
def test_a_question_that_ends(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """After an interrupt, or a restart, no page asks the question of the cell anymore.

    The saved notebook has neither the question nor an answer, even on another day.
    """
    with analyst(embedded):
        notebook = jupyter.open(LOAD)
        notebook.run(0)
        other = jupyter.open(name=notebook.file.name)
        here, there = ToolbarPage(notebook), ToolbarPage(other)
        for end in ("session.kernel.interrupt", "restartKernel"):
            shown = notebook.begin("%aws_profile Analyst", "Sign in for Analyst")
            for tool in (here, there):
                tool.says("Sign in")
            notebook.page.evaluate(f"void {_SESSION}.{end}()")
            expect(shown.get_by_role("link")).to_have_count(0)
            if end != "restartKernel":
                notebook.wait_until_idle()
                for tool in (here, there):
                    tool.says("No AWS profile")
                    expect(tool.toggle).not_to_contain_text("Sign in")
        for tool in (here, there):
            tool.is_unloaded()
        saved = notebook.save()
        assert "user_code" not in saved
        later = jupyter.open(name=notebook.file.name)
        ToolbarPage(later).is_unloaded()
        expect(later.page.get_by_role("link", name="Open the sign-in page")).to_have_count(0)


@pytest.mark.skipif(HAS_SUBSHELLS, reason="since ipykernel 7, the extension shows the questions")
def test_questions_without_subshells(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """A cell asks for an MFA code in Jupyter's own field, and shows the link of a sign-in.

    After an interrupt or the sign-in, the link is gone, and no saved file has a secret.
    """
    serial = add_mfa_role(embedded, "RoleTyped")
    with analyst(embedded):
        notebook = jupyter.open(LOAD)
        notebook.run(0)
        shown = notebook.begin("%aws_profile RoleTyped", serial)
        code = embedded.iam.mfa_code(serial)
        field = shown.locator(".jp-Stdin-input")
        expect(field).to_be_focused()
        field.fill(code)
        field.press("Enter")
        expect(shown.locator(CARD).last).to_contain_text("RoleTyped ← RoleTypedUser")
        notebook.wait_until_idle()
        for is_interrupted in (True, False):
            shown = notebook.begin("%aws_profile Analyst", "Sign in for Analyst")
            if is_interrupted:
                notebook.page.evaluate(f"void {_SESSION}.session.kernel.interrupt()")
            else:
                allow_on_page(notebook.page, shown.get_by_role("link"))
                expect(shown.locator(CARD)).to_contain_text("assumed-role/AWSReservedSSO_Analyst_")
            notebook.wait_until_idle()
            expect(shown.get_by_role("link")).to_have_count(0)
        ToolbarPage(notebook).says("Analyst")
        saved = notebook.save()
        secrets = (code, "user_code", *embedded.iam.secrets)
        assert [secret for secret in secrets if secret in saved] == []


def allow_on_page(page: Page, link: Locator) -> None:
    """Open the link, allow the sign-in there, and close the page."""
    with page.context.expect_page() as opened:
        link.click()
    opened.value.get_by_role("button", name="Allow").click()
    # Closing a page during a navigation can hang: microsoft/playwright#41900.
    expect(opened.value.get_by_text("Allowed.")).to_be_visible()
    opened.value.close()


@contextmanager
def analyst(aws: EmbeddedAws) -> Iterator[None]:
    """Add a profile that requires a sign-in, until the block ends."""
    with restored(aws.config_file):
        aws.sso.assign(ROLE_ACCOUNT, "Analyst", policy=allow("s3:*"))
        aws.write_profile(
            "Analyst",
            sso_start_url=aws.sso.start_url,
            sso_region="us-east-1",
            sso_account_id=ROLE_ACCOUNT,
            sso_role_name="Analyst",
            region="us-west-2",
        )
        yield
    for cached in ("sso/cache", "cli/cache"):
        shutil.rmtree(aws.home / ".aws" / cached, ignore_errors=True)


def test_a_saved_picker(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """The saved file has no profile and no secret; after a restart, the picker shows no identity.

    When its cell runs again, it can be used again.
    """
    serial = add_mfa_role(embedded, "RoleSaved")
    notebook = jupyter.open(LOAD, "%config AwsProfileMagics.protected = ['*prod*']", PICK)
    notebook.run(0)
    notebook.run(1)
    notebook.keep_widgets()
    picker = PickerPage(notebook.run(2))
    picker.choose("RoleSaved")
    code = embedded.iam.mfa_code(serial)
    picker.code.fill(code)
    picker.code.press("Enter")
    picker.shows("RoleSaved")
    saved = notebook.save()
    names = ("RoleSaved", "RoleBeta", code, serial, *embedded.iam.secrets)
    assert [text for text in names if text in saved] == []
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    picker.open()
    picker.field.press("ArrowDown")
    expect(picker.root.locator(".ipyap-active")).to_be_visible()
    notebook.picture("picker", notebook.cell(2))
    notebook.restart()
    expect(picker.then).to_contain_text("run this cell again")
    expect(picker.identity).to_be_hidden()
    notebook.run(0)
    notebook.run(2)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")


# The toolbar ---


def opened(jupyter: Jupyter) -> tuple[Notebook, ToolbarPage]:
    """Open a notebook that has switched to RoleBeta."""
    notebook = jupyter.open(SWITCHED)
    tool = ToolbarPage(notebook)
    tool.is_unloaded()
    notebook.run(0)
    tool.says("RoleBeta", "account")
    return notebook, tool


def test_from_loading_to_unloading(jupyter: Jupyter) -> None:
    """The button is there from the start, and shows every switch.

    If the kernel's version differs from Jupyter's, the toolbar says what to update.
    """
    notebook, tool = opened(jupyter)
    shown = notebook.begin("%%aws_profile UserAlpha\ninput()")
    tool.says("UserAlpha")
    shown.locator("input.jp-Stdin-input").press("Enter")
    tool.says("RoleBeta")
    notebook.wait_until_idle()
    notebook.enter("%aws_profile --off")
    tool.says("No AWS profile")
    notebook.enter("%reload_ext ipy_awsprofile")
    tool.says("No AWS profile")
    tool.choose("UserAlpha")
    tool.says("UserAlpha")
    expect(tool.popup).to_have_count(0)
    notebook.enter("%unload_ext ipy_awsprofile")
    tool.is_unloaded()
    notebook.enter(f"from ipy_awsprofile.picker import toolbar\ntoolbar.PROTOCOL = 0\n{LOAD}")
    notice = notebook.page.get_by_text("AWS: update ipy-awsprofile")
    expect(notice).to_have_attribute("title", re.compile("pip install --upgrade ipy-awsprofile"))
    tool.is_absent()


def test_reload_restart_and_change(jupyter: Jupyter) -> None:
    """After a page reload, the button is back; after a restart, it offers to use the profile again.

    It disappears with its kernel.
    """
    notebook, tool = opened(jupyter)
    notebook.load()
    tool.says("RoleBeta", "account")
    ends = (
        lambda: notebook.begin("import os; os._exit(1)"),  # Jupyter restarts the kernel
        lambda: notebook.page.evaluate(f"{_SESSION}.changeKernel({{name: 'python3'}})"),
    )
    for end in ends:
        end()
        tool.is_unloaded("Use RoleBeta again")
        notebook.wait_until_it_answers()
        notebook.enter(SWITCHED)
        tool.says("RoleBeta")
    notebook.page.evaluate(f"{_SESSION}.shutdown()")
    tool.is_absent()


def test_a_lost_connection(jupyter: Jupyter) -> None:
    """While JupyterLab is connecting to the kernel again, the button stays, and says so.

    Then it shows the identity again or, if the kernel was restarted, offers to use it again.
    """
    notebook, tool = opened(jupyter)
    sockets: list[WebSocketRoute] = []
    is_lost = False

    def connect(socket: WebSocketRoute) -> None:
        if is_lost:
            socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    notebook.page.route_web_socket(re.compile("/channels"), connect)
    notebook.load()
    tool.says("RoleBeta")
    for is_restarted in (False, True):
        is_lost = True
        if is_restarted:
            notebook.page.evaluate(f"void {_SESSION}.session.kernel.restart()")
        else:
            sockets.pop().close()
        tool.is_unloaded("Connecting …")
        expect(tool.first.get_by_role("button")).to_be_disabled()
        is_lost = False
        if is_restarted:
            tool.is_unloaded("Use RoleBeta again")
        else:
            tool.says("RoleBeta")


#: Without this package, a kernel can't load the extension.
_HIDE_PACKAGE = """import sys
class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "ipy_awsprofile":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Missing)"""


def test_use_again(jupyter: Jupyter) -> None:
    """*Use NAME again* repeats the switch with its limits, and adds no cell.

    In a kernel without the package, a notification says what to install, and the button can be
    used again.
    """
    notebook = jupyter.open(f"{LOAD}\n{SWITCH} --read-only --region eu-west-1")
    tool = ToolbarPage(notebook)
    notebook.run(0)
    tool.says("RoleBeta", "read-only")
    notebook.restart()
    tool.is_unloaded("Use RoleBeta again")
    notebook.wait_until_it_answers()
    notebook.enter(_HIDE_PACKAGE)
    again = tool.first.get_by_role("button", name="Use RoleBeta again")
    again.click()
    notice = notebook.page.get_by_role("alert").filter(has_text="%pip install ipy-awsprofile")
    expect(notice).to_be_visible()
    tool.is_unloaded("Use RoleBeta again")
    notebook.enter("sys.meta_path.remove(Missing)")
    count = notebook.page.locator(".jp-Notebook .jp-Cell").count()
    again.click()
    tool.says("RoleBeta", "read-only")
    expect(notebook.page.locator(".jp-Notebook .jp-Cell")).to_have_count(count)
    card = notebook.enter("%aws_profile").locator(CARD)
    for text in ("read-only", "eu-west-1"):
        expect(card).to_contain_text(text)


def test_the_setting(jupyter: Jupyter) -> None:
    """A setting in JupyterLab's Settings editor hides the button, and shows it again."""
    notebook, tool = opened(jupyter)
    panel = notebook.page.evaluate("jupyterapp.shell.currentWidget.id")
    open_settings = "jupyterapp.commands.execute('settingeditor:open', {query: 'AWS profile'})"
    for is_shown in (False, True):
        notebook.page.evaluate(open_settings)
        box = notebook.page.get_by_role("checkbox", name="Show the button in the toolbar")
        box.set_checked(is_shown)
        notebook.page.evaluate("panel => jupyterapp.shell.activateById(panel)", panel)
        if is_shown:
            tool.says("RoleBeta")
        else:
            tool.is_absent()


#: Open a notebook beside the current one, with the same kernel or a new one.
_OPEN_BESIDE = """async ([path, share]) => {
  const {id} = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const kernel = share ? {id} : {name: 'python3'};
  const what = {path, factory: 'Notebook', kernel, options: {mode: 'split-right'}};
  await window.jupyterapp.commands.execute('docmanager:open', what);
}"""


def test_notebooks_side_by_side(jupyter: Jupyter) -> None:
    """All views and notebooks of a kernel show its identity; another kernel's shows another.

    A restart in one of the notebooks resets the buttons of all of them.
    """
    notebook, tool = opened(jupyter)
    notebook.page.set_viewport_size({"width": 3200, "height": 400})
    notebook.page.evaluate("window.jupyterapp.shell.mode = 'multiple-document'")
    notebook.page.evaluate("window.jupyterapp.commands.execute('docmanager:clone')")
    notebook.page.evaluate(_OPEN_BESIDE, [jupyter.server.write(["1"]), True])
    expect(tool.buttons).to_have_count(3)
    tool.buttons.nth(2).click()
    tool.is_ready()
    tool.choose("UserAlpha")
    for place in (0, 1, 2):
        expect(tool.buttons.nth(place)).to_contain_text("UserAlpha")
    notebook.page.evaluate(_OPEN_BESIDE, [jupyter.server.write([LOAD]), False])
    notebook.wait_until_idle()
    notebook.run(0)
    expect(tool.buttons.nth(3)).to_contain_text("No AWS profile")
    expect(tool.buttons.nth(0)).to_contain_text("UserAlpha")
    first = "[...window.jupyterapp.shell.widgets('main')][0]"
    notebook.page.evaluate(f"{first}.sessionContext.restartKernel()")
    tool.says("No AWS profile")
    expect(tool.first.get_by_text("Use UserAlpha again")).to_have_count(3)
