"""
The chart of the documentation: bars, readable on a light and on a dark page.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

WIDTH, LABEL, ROW, TOP = 720, 250, 24, 44
OURS = "braze_heap"

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600 }
.bar { fill: #9aa7b5 } .ours { fill: #2f6fde }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .bar { fill: #66727f } .ours { fill: #6ea0ff }
}
"""


def chart(costs: Mapping[str, Mapping[str, Any]]) -> str:
    """
    Return an SVG with a bar for each of *costs*, by name, the shortest first.
    """
    bars = [(n, c["ratio"]) for n, c in costs.items() if n != "json.loads"]
    bars.sort(key=lambda bar: bar[1])
    height = TOP + ROW * len(bars) + 8
    rows = "\n".join(_rows(bars, max(ratio for _, ratio in bars)))
    return SVG.format(width=WIDTH, height=height, style=STYLE, rows=rows)


SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"
  aria-label="Cost of each way, in units of json.loads">
<style>{style}</style>
<text class="title" x="8" y="22">Bytes of a Braze batch to bytes of a Heap request, \
in units of json.loads (less is better)</text>
{rows}
</svg>
"""


def _rows(bars: Iterable[tuple[str, float]], longest: float) -> Iterator[str]:
    for number, (name, ratio) in enumerate(bars):
        y = TOP + ROW * number
        width = (WIDTH - LABEL - 60) * ratio / longest
        kind = "bar ours" if name.startswith(OURS) else "bar"
        yield (
            f'<text x="{LABEL - 8}" y="{y + 14}" text-anchor="end">'
            f"{escape(name)}</text>"
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{width:.0f}" height="18"'
            ' rx="2"/>'
            f'<text x="{LABEL + width + 6:.0f}" y="{y + 14}">{ratio:.1f}</text>'
        )
