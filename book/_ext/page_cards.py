"""The definitions that a page mentions, put into the page, so that they open without a request."""

import re
from pathlib import Path

ENTRY = re.compile(r'((?:<dt id="term-[^"]*">.*?</dt>\s*)+)<dd>(.*?)</dd>', re.DOTALL)
WORD = re.compile(r'<dt id="(term-[^"]*)">(.*?)</dt>', re.DOTALL)
BLOCK = re.compile(r'<div id="book-terms" hidden>.*?<!-- terms --></div>\n', re.DOTALL)


def definitions(glossary: Path) -> dict[str, str]:
    """Return each word's card: its text and formulas, without links, names and 'See Chapter 3'."""
    if not glossary.exists():
        return {}
    text = glossary.read_text(encoding="utf-8")
    cards = {}
    for words, definition in ENTRY.findall(text):
        for name, word in WORD.findall(words):
            body = re.sub(r'<a class="headerlink".*?</a>', "", word, flags=re.DOTALL)
            body = f'<span class="word">{body.strip()}</span>{definition.strip()}'
            body = re.sub(r"\s*See <a .*?(?=</p>)", "", body, flags=re.DOTALL)
            body = re.sub(r"</?a\b[^>]*>", "", body)
            cards[name] = re.sub(r' id="[^"]*"', "", body)
    return cards


def put_in(text: str, cards: dict[str, str]) -> str:
    """Return the page with the cards of the words that it mentions at the end of its article."""
    text = BLOCK.sub("", text)
    if '<dl class="simple glossary">' in text or '<dl class="glossary">' in text:
        return text
    names = sorted(set(re.findall(r'href="[^"]*glossary\.html#(term-[^"]*)"', text)))
    if not names or "</article>" not in text:
        return text
    block = "".join(f'<div data-term="{name}">{cards[name]}</div>' for name in names)
    block = f'<div id="book-terms" hidden>{block}<!-- terms --></div>\n'
    return text.replace("</article>", block + "</article>", 1)
