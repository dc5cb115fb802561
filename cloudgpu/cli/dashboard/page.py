"""What the dashboard shows: deployments and migrations as the journal has them, then the cost report."""

from collections.abc import Sequence
from html import escape

from cloudgpu.accounting.exports.book import open_book
from cloudgpu.accounting.exports.html.page import report_body, table
from cloudgpu.accounting.exports.html.style import STYLE
from cloudgpu.accounting.use import Use, end_words, uses
from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.base.money import show_usd
from cloudgpu.cli.cost.reading import read
from cloudgpu.cli.deployment_view import seen_ago
from cloudgpu.cli.session import Session
from cloudgpu.running.gpu_load import GpuLoad
from cloudgpu.running.records import Deployment, DeploymentState

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
body { max-width: 1000px; } svg.w720 { width: 100%; }
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
    history, moments, *_ = read(session, offline=True)
    said = f'<p class="soft">The journal as it is at {SystemClock().now():%Y-%m-%d %H:%M:%S} UTC.</p>'
    return (
        said
        + _deployments(session)
        + _migrations(session)
        + _budgets(uses(history, moments))
        + report_body(open_book(history, moments))
    )


def _deployments(session: Session) -> str:
    found = session.store.deployments()
    if not found:
        return "<h2>Deployments</h2><p>Nothing is rented.</p>"
    head = ["Name", "State", "USD per hour", "Cards", "Load", "KV cache", "Model", "Last look"]
    notes = "".join(
        f'<p class="trouble">{escape(each.name)}: {escape(each.last_error)}</p>' for each in found if each.last_error
    )
    return f"<h2>Deployments</h2>{table(head, [_cells(session, each) for each in found], stacked=True)}{notes}"


def _cells(session: Session, each: Deployment) -> list[str]:
    service = session.store.service(each.service)
    serves = " (in charge)" if service and service.serving == each.name else ""
    return [
        each.name, each.state.value + serves, show_usd(each.usd_per_hour_now, 4), f"{each.cards}, {each.provider}",
        _load(each.gpu_load), _cache(each), each.model, seen_ago(session, each),
    ]  # fmt: skip


def _load(load: GpuLoad | None) -> str:
    """How busy, full and hot the cards are, as far as their provider tells."""
    told = [
        f"{load.util_percent:.0f} %" if load and load.util_percent is not None else "",
        f"{load.memory_percent:.0f} % full" if load and load.memory_percent is not None else "",
        f"{load.temperature_c:.0f} °C" if load and load.temperature_c is not None else "",
    ]
    return ", ".join(each for each in told if each) or "-"


def _cache(each: Deployment) -> str:
    share = each.engine.kv_share if each.engine and each.state is DeploymentState.READY else None
    return "-" if share is None else f"{share * 100:.0f} %"


def _budgets(found: Sequence[Use]) -> str:
    if not found:
        return ""
    head = ["Budget", "Used", "Spent", "Limit", "By month's end", "Gone (UTC)"]
    rows = [
        [use.scope, f"{use.percent} %", show_usd(use.spent_usd), show_usd(use.limit_usd), show_usd(use.forecast_usd),
         end_words(use)] for use in found
    ]  # fmt: skip
    return f"<h2>Budgets</h2>{table(head, rows, stacked=True)}"


def _migrations(session: Session) -> str:
    found = [each for each in session.store.migrations() if each["state"] not in ("stable", "aborted")]
    rows = [[each["id"], each["service"], each["state"], each["old"]["name"], each["new"]["name"]] for each in found]
    return (
        f"<h2>Migrations</h2>{table(['Migration', 'Service', 'State', 'From', 'To'], rows, stacked=True)}"
        if rows
        else ""
    )
