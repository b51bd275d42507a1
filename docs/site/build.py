"""`make docs`: build the site from the pages of the repository.

MkDocs takes pages from one folder. Ours lie beside the code that they describe. They are copied in
the same layout, with the files that they link to.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, all_pages

HERE = Path(__file__).resolve().parent
BUILT = ROOT / ".triscore/docs"
PAGES, SITE = BUILT / "pages", BUILT / "site"


def main() -> int:
    """Build into SITE. The exit code is MkDocs': a broken link or an unlisted page is an error."""
    copy_pages(PAGES)
    mkdocs = [str(BUILT / "env/bin/mkdocs"), "build", "--quiet", "--config-file"]
    done = subprocess.run([*mkdocs, str(HERE / "mkdocs.yml")], check=False)
    if done.returncode == 0:
        print(f"To read it: python3 -m http.server -d {SITE.relative_to(ROOT)}")
    return done.returncode


def copy_pages(folder: Path) -> None:
    """Fill a folder with the pages, the files that they link to, and how tables look."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = all_pages()
    linked = {target for page in pages for target, _ in page.links() if target.is_file()}
    for path in {page.path for page in pages} | linked | {HERE / "tables.css"}:
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


if __name__ == "__main__":
    sys.exit(main())
