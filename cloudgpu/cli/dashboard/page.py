"""What the dashboard shows: deployments and migrations as the journal has them, then the cost report."""

from html import escape

from cloudgpu.accounting.exports.book import open_book
from cloudgpu.accounting.exports.html.page import report_body, table
from cloudgpu.accounting.exports.html.style import STYLE
from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.base.money import show_usd
from cloudgpu.cli.cost.reading import read
from cloudgpu.cli.session import Session
from cloudgpu.running.records import Deployment

_RENEW = """
async function renew() {
  try {
    const answer = await fetch("body", {cache: "no-store"});
    if (!answer.ok) throw new Error(answer.status);
    const open = [...document.querySelectorAll("details")].map(each => each.open);
    document.getElementById("body").innerHTML = await answer.text();
    document.querySelectorAll("details").forEach((each, i) => { each.open = open[i] || false; });
    document.body.classList.remove("stale");
  } catch { document.body.classList.add("stale"); }
}
setInterval(renew, %d);
"""
_OWN_STYLE = """
.stale::before { content: "The command that serves this page has ended; what you see is old."; display: block;
  border-left: 4px solid var(--fee); padding: 6px 12px; background: var(--card); }
.trouble { color: var(--fee); }
"""


def page(session: Session, refresh_s: int) -> str:
    """The whole page; it renews its body by itself and keeps what the reader has opened."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>cloudgpu</title><link rel="icon" href="data:,"><style>{STYLE}{_OWN_STYLE}</style></head>'
        f'<body><h1>cloudgpu</h1><div id="body">{body(session)}</div>'
        f"<script>{_RENEW % (refresh_s * 1000)}</script></body></html>\n"
    )


def body(session: Session) -> str:
    """The part that changes. An error of ours is shown as its sentence."""
    try:
        return _parts(session)
    except CloudgpuError as error:
        return f'<p class="alarm">{escape(error.message)}</p>'


def _parts(session: Session) -> str:
    history, moments, _ = read(session, offline=True)
    said = f'<p class="soft">As the journal had it at {SystemClock().now():%Y-%m-%d %H:%M:%S} UTC.</p>'
    return said + _deployments(session) + _migrations(session) + report_body(open_book(history, moments))


def _deployments(session: Session) -> str:
    found = session.store.deployments()
    if not found:
        return "<h2>Deployments</h2><p>Nothing is rented.</p>"
    head = ["Name", "State", "Cards", "Model", "Provider", "USD per hour", "Since (UTC)"]
    notes = "".join(
        f'<p class="trouble">{escape(each.name)}: {escape(each.last_error)}</p>' for each in found if each.last_error
    )
    return f"<h2>Deployments</h2>{table(head, [_cells(session, each) for each in found])}{notes}"


def _cells(session: Session, each: Deployment) -> list[str]:
    service = session.store.service(each.service)
    serves = " (in charge)" if service and service.serving == each.name else ""
    return [
        each.name, each.state.value + serves, each.cards, each.model, each.provider, show_usd(each.usd_per_hour, 4),
        f"{each.since:%Y-%m-%d %H:%M}",
    ]  # fmt: skip


def _migrations(session: Session) -> str:
    found = [each for each in session.store.migrations() if each["state"] not in ("stable", "aborted")]
    rows = [[each["id"], each["service"], each["state"], each["old"]["name"], each["new"]["name"]] for each in found]
    return f"<h2>Migrations</h2>{table(['Migration', 'Service', 'State', 'From', 'To'], rows)}" if rows else ""
