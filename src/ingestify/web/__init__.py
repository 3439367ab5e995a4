"""The pages of a lake in a browser: `ingestify web`. The extra `web` brings what it needs.

app         the ASGI application: which page has which address, ETags, errors as pages
guard       who may ask: Host, token, Origin; and the headers of every answer
server      the socket, the address with the token, the browser
page        what a page is: `Page`, `Action`, and what they get and return
lake        the lake that the pages show
rendering   the templates and their filters
pages/      a module for each page
templates/  a template for each page; all of them extend base.html
static/     site.css, and scripts without which every page works

**A page is added** in three steps:

1. `pages/NAME.py` with `PAGE = Page("/address/{part}", "NAME.html", read)`. `read` gets an `Asked` and returns a
   `Shown`: its `document` is the JSON twin (the shape of the matching command's `--json`, where there is one), and its
   `view` has what only the template needs, such as finished SVG (`Markup`). It runs in a thread, so it may read the
   lake as it likes. A page that changes without a commit, as while a run goes on, has
   `is_live=True`: it gets no ETag.
   What changes the lake is an `Action("/address", act)`: `act` gets the form in `asked.form`, and returns the address
   to go to. The guard checks where the form came from, and refuses it with `--read-only`.
2. `templates/NAME.html`, which begins with `{% extends "base.html" %}` and has the block `content`. It gets `document`,
   everything in `view`, and the filters of `rendering`. No `style=…`, no script in the page, nothing of another origin:
   the Content-Security-Policy blocks it. Each `<table>` has a `<caption>`.
3. The module's `PAGE` in `pages/__init__.py`, which is the order of the menu. A page with `menu="Name"` is in the menu.

The page then has a JSON twin at the same address with `.json`, answers 304 if nothing changed, and shows an error as a
page. `tests/browser` opens it in each colour scheme and width: add its address to the list there.
"""
