"""A chart's drawing as SVG text: shapes with titles for the mouse, and a description for readers that see none."""

from html import escape

Attribute = str | float | int


def drawing(width: int, height: int, title: str, parts: list[str]) -> str:
    """A whole picture of so many pixels; its title is read aloud and shown by no one else."""
    body = "".join(parts)
    return (
        f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}" class="w{width}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def rect(x: float, y: float, width: float, height: float, css: str, tip: str = "") -> str:
    """A filled box; boxes thinner than a hair are drawn a hair thick, so that nothing spent is invisible."""
    size = f'width="{max(width, 0.5):.1f}" height="{max(height, 0.5):.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} class="{css}">{_tip(tip)}</rect>'


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def path(points: list[tuple[float, float]], css: str) -> str:
    """A line through the points."""
    if not points:
        return ""
    steps = " ".join(f"{'M' if not i else 'L'}{x:.1f},{y:.1f}" for i, (x, y) in enumerate(points))
    return f'<path d="{steps}" class="{css}"/>'


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> str:
    """Words that begin, end or are centred (`start`, `end`, `middle`) at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{css}">{escape(words)}</text>'


def _tip(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""
