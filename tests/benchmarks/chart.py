"""
The chart of the documentation: bars, readable on a light and on a dark page, on a
telephone too.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

WIDTH, NUMBER, ROW, TOP = 420, 40, 38, 52
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
    """Return an SVG with a bar for each of *costs*, by name, the shortest first."""
    bars = [(n, c["ratio"]) for n, c in costs.items() if n != "json.loads"]
    bars.sort(key=lambda bar: bar[1])
    height = TOP + ROW * len(bars) + 8
    rows = "\n".join(_rows(bars, max(ratio for _, ratio in bars)))
    return SVG.format(width=WIDTH, height=height, style=STYLE, rows=rows)


SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"
  width="{width}" height="{height}" role="img"
  aria-label="Cost of each way, in units of json.loads">
<style>{style}</style>
<text class="title" x="0" y="16">From a Braze batch to a Heap request, \
bytes to bytes</text>
<text x="0" y="34">in units of json.loads: less is better</text>
{rows}
</svg>
"""


def _rows(bars: Iterable[tuple[str, float]], longest: float) -> Iterator[str]:
    for number, (name, ratio) in enumerate(bars):
        y = TOP + ROW * number
        width = (WIDTH - NUMBER) * ratio / longest
        kind = "bar ours" if name.startswith(OURS) else "bar"
        yield (
            f'<text x="0" y="{y + 12}">{escape(name)}</text>'
            f'<rect class="{kind}" x="0" y="{y + 17}" width="{width:.0f}" height="14"'
            ' rx="2"/>'
            f'<text x="{width + 6:.0f}" y="{y + 29}">{ratio:.1f}</text>'
        )
