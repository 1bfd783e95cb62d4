"""One style sheet with the rules that the book uses, instead of twelve with all that exist.

A rule stays if every class and id that it asks for occurs on some page or as a word in some script.
"""

import hashlib
import os
import posixpath
import re
from pathlib import Path
from typing import Any

import tinycss2

from aelib import whole

LINK = re.compile(r'[ \t]*<link\b[^>]*rel="stylesheet"[^>]*>\n?')
NAME = "pages.css"
GROUPS = {"media", "supports", "layer", "container"}


def used_words(texts: list[str], scripts: list[Path]) -> set[str]:
    """Return every class and id of the pages, and every word of the scripts."""
    words: set[str] = set()
    for text in texts:
        for value in re.findall(r'\b(?:class|id)="([^"]*)"', text):
            words.update(value.split())
        for script in re.findall(r"<script\b[^>]*>(.*?)</script>", text, re.DOTALL):
            words.update(re.findall(r"[\w-]+", script))
    for path in scripts:
        words.update(re.findall(r"[\w-]+", path.read_text(encoding="utf-8")))
    return words


def selectors(prelude: list[Any]) -> list[list[Any]]:
    """Return the selectors of a rule, that is its prelude cut at the commas."""
    parts: list[list[Any]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def may_match(selector: list[Any], words: set[str]) -> bool:
    """Tell whether all classes and ids occur; what stands in :not() and the like is not asked."""
    for before, token in zip([None, *selector], selector, strict=False):
        if token.type == "hash" and token.value not in words:
            return False
        if token.type != "ident" or before is None or before.type != "literal":
            continue
        if before.value == "." and token.value not in words:
            return False
    return True


def used_rules(rules: list[Any], words: set[str]) -> str:
    """Return the rules that may match something, as text."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            parts = [part for part in selectors(rule.prelude) if may_match(part, words)]
            if parts:
                selector = ",".join(tinycss2.serialize(part).strip() for part in parts)
                kept.append(f"{selector}{{{declarations(rule.content)}}}")
        elif rule.type == "at-rule":
            prelude = tinycss2.serialize(rule.prelude).strip()
            if rule.lower_at_keyword in GROUPS and rule.content is not None:
                inner = tinycss2.parse_rule_list(
                    rule.content, skip_comments=True, skip_whitespace=True
                )
                if body := used_rules(inner, words):
                    kept.append(f"@{rule.at_keyword} {prelude}{{{body}}}")
            elif rule.lower_at_keyword == "font-face":
                face = declarations(rule.content)
                if "Font Awesome" not in face.replace("\\", ""):
                    kept.append(f"@font-face{{{face}}}")
            elif rule.lower_at_keyword not in ("charset", "import"):
                kept.append(tinycss2.serialize([rule]))
        elif rule.type == "error":
            raise ValueError(f"a style sheet cannot be read: {rule.message}")
    return "\n".join(kept)


def declarations(content: list[Any]) -> str:
    """Return what stands between a rule's braces, without comments and line breaks."""
    text = tinycss2.serialize([token for token in content if token.type != "comment"])
    return re.sub(r"\s+", " ", text).strip()


def read_sheet(static: Path, name: str, words: set[str]) -> str:
    """Return the used rules of one sheet, its addresses relative to the folder of the new one."""
    text = (static / name).read_text(encoding="utf-8")
    rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    folder = posixpath.dirname(name)
    imported = ""
    for rule in rules:
        if rule.type == "at-rule" and rule.lower_at_keyword == "import":
            (address,) = (token.value for token in rule.prelude if token.type in ("string", "url"))
            other = posixpath.normpath(posixpath.join(folder, address))
            imported += read_sheet(static, other, words) + "\n"

    def moved(match: re.Match[str]) -> str:
        address = match[2]
        if re.match(r"(data:|#|https?:|/)", address):
            return match[0]
        return f"url({posixpath.normpath(posixpath.join(folder, address))})"

    address = re.compile(r"url\(\s*(['\"]?)([^)'\"]+)\1\s*\)")
    return imported + address.sub(moved, used_rules(rules, words))


def one_sheet(texts: dict[Path, str], out: Path) -> dict[Path, str]:
    """Write the sheet and return the pages with a link to it in place of the others."""
    static = out / "_static"
    target = static / NAME
    order: list[str] = []
    if target.exists():  # pages of an earlier build name only this sheet: it says what is in it
        order += re.findall(r"/\* from (\S+) \*/", target.read_text(encoding="utf-8"))
    for text in texts.values():
        for link in LINK.findall(text):
            name = re.search(r'href="(?:\.\./)*_static/([^"?]*)', link)
            if name is None:
                raise ValueError(f"a style sheet from outside the book: {link.strip()}")
            if name[1] not in order and name[1] != NAME:
                order.append(name[1])
    scripts = [
        path for path in static.rglob("*.js") if path.name != "fontawesome.js" and path.is_file()
    ]
    words = used_words(list(texts.values()), scripts)
    sheet = "\n".join(f"/* from {name} */\n{read_sheet(static, name, words)}" for name in order)
    whole.write(target, sheet + "\n")
    version = hashlib.sha256(sheet.encode()).hexdigest()[:8]

    linked = {}
    for page, text in texts.items():
        up = os.path.relpath(static, page.parent).replace(os.sep, "/")
        link = f'<link rel="stylesheet" href="{up}/{NAME}?v={version}" />\n'
        first = LINK.search(text)
        if first is None:
            raise ValueError(f"{page} has no style sheet")
        rest = LINK.sub("", text[first.end() :])
        linked[page] = text[: first.start()] + link + rest
    return linked
