"""Files that mean harm, by what they do; each is made when it is asked for."""

from collections.abc import Callable, Mapping

from tests.knowledge import pdfs

HOSTILE: Mapping[str, Callable[[], bytes]] = {
    "unfolds": lambda: pdfs.unfolding(400_000_000),
    "unfolds twice": lambda: pdfs.unfolding(400_000_000, times=2),
    "has 100,000 pages": lambda: pdfs.many_pages(100_000, 1000),
    "loops in its tree": pdfs.tree_that_is_its_own_child,
    "maps everything": pdfs.map_of_everything,
    "has three million operators": lambda: pdfs.long_page(3_000_000),
}
