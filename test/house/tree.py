# tree.py - what the house rules look at: tracked files and their text, or a made-up tree for testing a rule.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import re
import subprocess

CODE_SUFFIXES = (".cpp", ".h", ".hpp", ".c", ".td", ".def")


class Tree:
    """Paths relative to the repository's root, with '/' between parts, and their bytes."""

    def __init__(self, contents):
        """contents: path -> text or bytes."""
        self._contents = {p: (t if isinstance(t, bytes) else t.encode()) for p, t in contents.items()}
        self.paths = sorted(self._contents)

    @staticmethod
    def of_repository(root):
        """Every tracked file that is still there. Links are left out."""
        listing = subprocess.run(["git", "-C", root, "ls-files", "-z"], check=True, stdout=subprocess.PIPE).stdout
        contents = {}
        for name in listing.decode().split("\0"):
            path = os.path.join(root, name)
            if name and os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    contents[name] = file.read()
        return Tree(contents)

    def under(self, *folders):
        return [p for p in self.paths if p.startswith(tuple(f + "/" for f in folders))]

    def size(self, path):
        return len(self._contents[path])

    def is_text(self, path):
        return b"\0" not in self._contents[path][:8192]

    def text(self, path):
        return self._contents[path].decode("utf-8", errors="replace")

    def lines(self, path):
        """(number from 1, line) pairs."""
        return enumerate(self.text(path).splitlines(), start=1)

    def code_lines(self, path):
        """As lines(), with C comments and the insides of string literals blanked; for rules about what code does."""
        return enumerate(without_comments(self.text(path)).splitlines(), start=1)


_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|R\"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)\"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", re.S
)


def without_comments(text):
    """C or C++ text with comments and string contents replaced by blanks; line numbers stay."""

    def blank(match):
        token = match.group(0)
        if token.startswith(("/", "R")):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + " " * (len(token) - 2) + token[-1]

    # Includes keep their names: they are code, not text.
    kept = {}

    def keep(match):
        key = f"\x01{len(kept)}\x02"
        kept[key] = match.group(0)
        return key

    text = re.sub(r"^[ \t]*#[ \t]*include[^\n]*", keep, text, flags=re.M)
    text = _TOKEN.sub(blank, text)
    return re.sub("\x01\\d+\x02", lambda m: kept.get(m.group(0), ""), text)


def is_code(path):
    return path.endswith(CODE_SUFFIXES)


class Rule:
    """One rule of the house.

    name    of the CTest test
    claim   one sentence, printed when the rule is broken
    check   function of a Tree that yields (path, line or 0, what was found)
    bad     trees (path -> text), each of which must be caught
    good    trees that must pass
    """

    def __init__(self, name, claim, check, bad, good):
        self.name, self.claim, self.check, self.bad, self.good = name, claim, check, bad, good

    def test_itself(self):
        """Yields a sentence for each sample that the rule judges wrongly."""
        if not self.bad or not self.good:
            yield f"rule {self.name} has no samples"
        for sample in self.bad:
            if not list(self.check(Tree(sample))):
                yield f"rule {self.name} does not catch {sorted(sample)}: {list(sample.values())[0][:120]!r}"
        for sample in self.good:
            for path, line, found in self.check(Tree(sample)):
                yield f"rule {self.name} objects to a good sample: {path}:{line}: {found}"
