"""What mkdocs has to know of docs/: the menu is what docs/index.md lists, in its order.

Links out of docs/ lead somewhere on a code host, but not on the site, so there they are text; one
that leads nowhere is a warning, which fails the build. What belongs to a list's item is indented by
four spaces, which mkdocs' Markdown asks for and code hosts do not.
"""

import logging
import re
from pathlib import Path
from typing import Any

logger = logging.getLogger("mkdocs.hooks.pages")

_HEADING = re.compile(r"^## (.+)$")
_PAGE = re.compile(r"^- \[([^]]+)\]\(([^)#]+\.md)\)")
_LINK = re.compile(r"\[([^]]+)\]\(((?:\.\./)+[^)#]+)(?:#[^)]*)?\)")
_FENCED = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
_IN_ITEM = re.compile(r"^ {2,3}(?=\S)", re.MULTILINE)


def on_config(config: Any) -> Any:
    """The menu, from the list."""
    menu: list[dict[str, Any]] = [{"Start": "index.md"}]
    for line in (Path(config.docs_dir) / "index.md").read_text(encoding="utf-8").splitlines():
        if heading := _HEADING.match(line):
            menu.append({heading[1]: []})
        elif (page := _PAGE.match(line)) and len(menu) > 1:
            next(iter(menu[-1].values())).append({page[1]: page[2]})
    config.nav = [part for part in menu if all(part.values())]
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """The page without links out of docs/, its lists as mkdocs reads them."""
    root, folder = Path(config.docs_dir), Path(page.file.abs_src_path).parent

    def inside(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if target.is_relative_to(root):
            return link[0]
        if not target.exists():
            logger.warning("%s links to %s, which does not exist", page.file.src_uri, link[2])
        return link[1]

    parts = _FENCED.split(_LINK.sub(inside, markdown))
    return "".join(part if part.startswith("```") else _IN_ITEM.sub("    ", part) for part in parts)
