"""HTML taken apart as a browser would: which elements there are, and that they close in order."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "rect", "path", "line"}

EXPECTED = {
    "a", "article", "b", "body", "br", "button", "code", "dd", "details", "div", "dl", "dt",
    "figcaption", "figure", "footer", "form", "g", "h1", "h2", "h3", "head", "header", "html",
    "img", "input", "label", "li", "line", "link", "main", "meta", "nav", "option", "p", "path",
    "pre", "rect", "script", "section", "select", "span", "style", "summary", "svg", "table",
    "tbody", "td", "text", "th", "thead", "time", "title", "tr", "ul",
}  # fmt: skip
"""All that pages are made of."""

ADDRESSES = {"src", "href", "action", "srcset", "data", "poster"}


class Sound(HTMLParser):
    """Takes a page apart, and fails where it is not sound or has what no page of ours has."""

    def __init__(self, text):
        super().__init__()
        self.open, self.scripts, self.ids, self.links, self.texts = [], 0, [], set(), []
        self.addresses = set()
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))
        assert self.links <= set(self.ids)

    def handle_starttag(self, tag, attrs):
        assert tag in EXPECTED, tag
        self.scripts += tag == "script"
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name != "style"
            if name == "id":
                self.ids.append(value)
            if name in ADDRESSES and value.startswith("#"):
                self.links.add(value[1:])
            elif name in ADDRESSES:
                self.addresses.add(value.partition(",")[0])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"script", "style"}:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())
