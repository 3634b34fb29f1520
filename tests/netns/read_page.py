"""Reads a page from standard input as a browser does, and says as JSON what is in it."""

import base64
import hashlib
import json
import sys
from collections import Counter
from html.parser import HTMLParser

EMPTY = {"meta", "input", "br", "link", "img", "base"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.elements, self.attributes, self.policy = [], Counter(), set(), ""
        self.texts, self.cells, self.wrong = {"script": "", "style": ""}, [], []

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]
        if tag not in EMPTY:
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] in self.texts:
            self.texts[self.open[-1]] += data
        if "td" in self.open:
            self.cells[-1] += data


page = Page()
page.feed(sys.stdin.read())
page.close()
digest = lambda text: "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
print(json.dumps({
    "elements": page.elements,
    "attributes": sorted(page.attributes),
    "cells": page.cells,
    "unbalanced": page.wrong + page.open,
    "policy": page.policy,
    "expected": "default-src 'none'; base-uri 'none'; form-action 'none'; script-src %s; style-src %s"
    % (digest(page.texts["script"]), digest(page.texts["style"])),
}))
