"""The picker in a page that does what VS Code does, which isn't installed for the tests."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages import ViewPage

#: VS Code opens links outside. Its `window.open` changes the address, then raises an error. An
#: empty address would replace the page.
VSCODE = """() => {
  document.body.dataset.vscodeThemeKind = "vscode-dark";
  globalThis.opened = [];
  addEventListener("click", (event) => {
    const link = event.target.closest("a[target=_blank]");
    if (!link) return;
    opened.push(link.href);
    event.preventDefault();
  });
  window.open = () => {
    throw new Error("openExternal");
  };
  globalThis.keys = [];
  addEventListener("keydown", (event) => keys.push(event.key));
  model.widget_manager = { kernel: { isDisposed: false } };
}"""


@pytest.fixture
def vscode(view: ViewPage) -> ViewPage:
    """Return the page with what VS Code adds to it."""
    view.page.evaluate(VSCODE)
    return view


def test_console(vscode: ViewPage) -> None:
    """The console opens outside, and the page stays."""
    vscode.choose("RoleBeta")
    vscode.button("Console").click()
    assert vscode.page.evaluate("opened") == []
    vscode.ask()
    vscode.page.evaluate("deliver({console: 'https://example.com/console'}, null)")
    assert vscode.page.evaluate("opened") == ["https://example.com/console"]
    expect(vscode.error).to_have_text("")


def test_shortcuts(vscode: ViewPage) -> None:
    """Commands of the front end pass; keys that edit the search or choose a profile don't."""
    vscode.open()
    for key in ("F1", "Control+p", "Control+Shift+P", "Control+j", "Control+s"):
        vscode.page.evaluate("keys.length = 0")
        vscode.field.press(key)
        assert key.split("+")[-1] in vscode.page.evaluate("keys"), key
    vscode.page.evaluate("keys.length = 0")
    for key in ("a", "Control+a", "Control+c", "Control+z", "ArrowDown", "Control+Enter", "Escape"):
        vscode.field.press(key)
    assert set(vscode.page.evaluate("keys")) <= {"Control"}


def test_restarted_kernel(vscode: ViewPage) -> None:
    """After a restart, which VS Code doesn't announce, the picker shows no identity."""
    vscode.start_clock()
    vscode.choose("RoleBeta")
    expect(vscode.identity).to_be_visible()
    vscode.page.evaluate("model.widget_manager.kernel.isDisposed = true")
    vscode.page.clock.fast_forward(2000)
    expect(vscode.identity).to_be_hidden()
    expect(vscode.then).to_contain_text("run this cell again")


def test_a_dead_connection(vscode: ViewPage) -> None:
    """After a restart that the front end announces, the picker says to run its cell again."""
    vscode.start_clock()
    vscode.page.evaluate("() => { model.send = () => { throw new Error('Cannot send'); }; }")
    vscode.page.evaluate("listeners.comm_live_update()")
    vscode.page.clock.fast_forward(2000)
    expect(vscode.then).to_contain_text("If no cell is running, run this cell again.")


def test_a_choice_during_a_cell(vscode: ViewPage) -> None:
    """The kernel hears of a choice only after the cell; the picker says it can't be cancelled."""
    vscode.start_clock()
    vscode.open()
    vscode.page.clock.fast_forward(2000)
    expect(vscode.then).to_be_hidden()
    vscode.field.fill("RoleBeta")
    vscode.field.press("Enter")
    vscode.page.clock.fast_forward(2000)
    expect(vscode.then).to_contain_text("you can't cancel it now.")
    expect(vscode.button("Cancel")).to_be_hidden()
    vscode.settle()
    vscode.shows("RoleBeta")
    expect(vscode.then).to_be_hidden()
