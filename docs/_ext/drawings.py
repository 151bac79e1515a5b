"""SVG drawings become part of their page, so that they follow its light and dark."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class Inlining(SphinxPostTransform):
    """Puts the drawing where its reference was."""

    default_priority = 5
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        for image in list(self.document.findall(nodes.image)):
            if image["uri"].startswith("drawings/"):
                drawing = Path(self.env.srcdir, image["uri"]).read_text("utf-8")
                html = f'<figure class="drawing">{drawing}</figure>'
                image.parent.replace(image, nodes.raw("", html, format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_post_transform(Inlining)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
