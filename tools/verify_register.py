#!/usr/bin/env python3
"""Checks an export of Qulaq's register, without Qulaq and without any package: this file and Python 3.8 are enough.

usage: python3 verify_register.py EXPORT [HEAD] [--key HEX] [--json]

EXPORT is what `qulaq register export` wrote, HEAD a published head, HEX the public key that the head must be signed with.
Exit 0: it holds. 1: something does not; every fault is a line (at most one per office). 2: a file cannot be used.
The form of both files and all rules are in docs/register.md.
"""

import hashlib
import json
import sys
from datetime import datetime, timedelta

GENESIS = "0" * 64
CLOCK_TOLERANCE = timedelta(minutes=5)
LATE = timedelta(hours=1)
COLUMNS = ("prev_hash", "office", "seq", "ticket", "at", "actor", "action", "details")
MOST_OF_A_LINE = 64 * 1024 * 1024


class Unusable(Exception):
    """A file that cannot be used; the message says which and why."""


# --- Ed25519 (RFC 8032, 5.1.7), verification only

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT % P
    if (x * x - x2) % P:
        return None
    return P - x if x & 1 != sign else x


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (_x(BASE_Y, 0), BASE_Y, 1, _x(BASE_Y, 0) * BASE_Y % P)


def _add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, i, j, f = f - e, h - g, h + g, f + e
    return (e * i % P, j * f % P, i * j % P, e * f % P)


def _times(n, point):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = _add(total, point)
        point = _add(point, point)
        n >>= 1
    return total


def _point(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = _x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def signed(public, message, signature):
    """Whether `signature` (64 bytes) is that of `message` by the key `public` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = _times(s, BASE), _add(r, _times(k, a))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


# --- the published head

def canonical(value):
    """JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def merkle(heads):
    """The root over (office, seq, hash), hashed as in RFC 9162, 2.1.1; an odd node rises unchanged."""
    level = [hashlib.sha256(b"\x00" + json.dumps(h, ensure_ascii=False, separators=(",", ":")).encode()).digest() for h in heads]
    while len(level) > 1:
        level = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() if i + 1 < len(level) else level[i]
                 for i in range(0, len(level), 2)]
    return level[0].hex() if level else hashlib.sha256(b"").hexdigest()


class Head:
    """A published head: what each office's chain must still hold."""

    def __init__(self, path):
        try:
            with open(path, encoding="utf-8") as file:
                said = json.load(file)
            heads = [[str(h["office"]), int(h["seq"]), str(h["hash"])] for h in said["heads"]]
            root, at = str(said["root"]), said.get("at")
            signature = said.pop("signature", None)
            self.at = datetime.fromisoformat(at) if at else None
        except OSError as e:
            raise Unusable(f"{path}: cannot be read: {e.strerror}") from e
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise Unusable(f"{path}: is no published head") from e
        if merkle(heads) != root:
            raise Unusable(f"{path}: was changed after it was published (its root does not fit its heads)")
        self.signed_by = None
        if signature is not None:
            try:
                key, value = str(signature["key"]), bytes.fromhex(signature["value"])
                good = signed(bytes.fromhex(key), canonical(said), value)
            except (ValueError, KeyError, TypeError):
                good, key = False, None
            if not good:
                raise Unusable(f"{path}: was changed after it was signed (its signature does not fit)")
            self.signed_by = key
        self.heads = {office: (seq, hash_) for office, seq, hash_ in heads}


# --- the chains

class Chain:
    """One office's entries as they come: the first fault ends it."""

    def __init__(self, office, old, late):
        self.office, self.previous, self.count, self.at = office, GENESIS, 0, None
        self.old, self.late = old, late
        self.numbers, self.fault, self.statuses = {}, None, {}

    def add(self, e, given):
        """Check one more entry; returns what is wrong with it, or None."""
        seq = e["seq"]
        if seq != self.count + 1:
            return f"entry {self.count + 1} is missing (the next one is {seq})"
        self.count = seq
        if e["prev_hash"] != self.previous:
            return "it does not follow the entry before (prev_hash differs)"
        row = json.dumps([e[name] for name in COLUMNS], ensure_ascii=False, separators=(",", ":"))
        if hashlib.sha256(row.encode("utf-8", "surrogatepass")).hexdigest() != e["hash"]:
            return "its content was changed after it was written (hash differs)"
        self.previous = e["hash"]
        if self.old is not None and seq == self.old[0] and e["hash"] != self.old[1]:
            return "it is not the entry that was published"
        action, number = e["action"], e["ticket"]
        details = json.loads(e["details"])
        if action == "register":
            series, place = details["series"], details["seq"]
            expected = self.numbers.get(series, 0) + 1
            if place != expected:
                return f"number {number} is not number {expected} of its series"
            self.numbers[series] = expected
            if details["number"] != number:
                return "its details name {}".format(details["number"])
            if number in given:
                return f"number {number} is given twice"
            given.add(number)
            self.statuses[number] = True
        elif number not in self.statuses:
            return f"{number} is not registered in this chain"
        if self.at is not None and e["at"] < self.at and "clock_back" not in details and (
                datetime.fromisoformat(e["at"]) < datetime.fromisoformat(self.at) - CLOCK_TOLERANCE):
            return "it is dated {}, before the entry before it ({}): backdated".format(e["at"], self.at)
        if self.late is not None and seq > (self.old[0] if self.old else 0) and e["at"] < self.late and "clock_back" not in details:
            return "it is dated {}, but the published head does not hold it: backdated".format(e["at"])
        self.at = e["at"]
        return None


def entries(path):
    """The entries of an export with their lines; a line that is none is Unusable."""
    try:
        file = sys.stdin.buffer if path == "-" else open(path, "rb")  # noqa: SIM115 - closed by `with` below
    except OSError as e:
        raise Unusable(f"{path}: cannot be read: {e.strerror}") from e
    with file:
        number = 0
        while True:
            line = file.readline(MOST_OF_A_LINE)
            if not line:
                return
            number += 1
            if not line.strip():
                continue
            try:
                e = json.loads(line)
                if not all(isinstance(e[name], str) for name in (*COLUMNS, "hash") if name != "seq") or type(e["seq"]) is not int:
                    raise TypeError("a column of the wrong kind")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise Unusable(f"{path}:{number}: is no entry of a register ({error})") from error
            yield e


def check(export, head=None, key=None):
    """All faults as (office, entry or None, what), and what was counted."""
    late = (head.at - LATE).isoformat(timespec="microseconds") if head is not None and head.at else None
    faults, chains, given = [], {}, set()
    count = 0
    chain = None
    for e in entries(export):
        count += 1
        office = e["office"]
        if chain is None or chain.office != office:
            chain = chains.get(office)
            if chain is None:
                chain = chains[office] = Chain(office, head.heads.get(office) if head is not None else None, late)
        if chain.fault:
            continue
        try:
            fault = chain.add(e, given)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            fault = f"it makes no sense: {error}"
        if fault:
            chain.fault = fault
            faults.append((office, e["seq"], fault))
    if head is not None:
        for office, (seq, _hash) in sorted(head.heads.items()):
            chain = chains.get(office)
            if seq and (chain is None or (chain.count < seq and not chain.fault)):
                faults.append((office, seq, "it was published and has vanished"))
        if key is not None and head.signed_by != key:
            faults.append((None, None, "the head is not signed" if head.signed_by is None
                           else f"the head is signed with another key ({head.signed_by})"))
    now = [[o, c.count, c.previous] for o, c in sorted(chains.items())]
    return faults, {"entries": count, "offices": len(chains), "numbers": len(given), "root": merkle(now),
                    "signed_by": head.signed_by if head is not None else None}


def main(argv):
    """Exit 0, 1 or 2 as the usage says."""
    words, key, as_json = [], None, False
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--key" and rest:
            key = rest.pop(0).strip().lower()
        elif word == "--json":
            as_json = True
        elif word in ("-h", "--help"):
            print(__doc__)
            return 0
        else:
            words.append(word)
    try:
        if not 1 <= len(words) <= 2 or any(w.startswith("--") for w in words):
            raise Unusable("usage: verify_register.py EXPORT [HEAD] [--key HEX] [--json]")
        head = Head(words[1]) if len(words) == 2 else None
        if key is not None and head is None:
            raise Unusable("--key says who must have signed the head: name the head, too")
        faults, told = check(words[0], head, key)
    except Unusable as e:
        print(e, file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps(dict(told, ok=not faults, broken=[
            {"office": o, "seq": s, "what": w} for o, s, w in faults]), ensure_ascii=False))
        return 1 if faults else 0
    for office, seq, what in faults:
        where = (f"office {office}, " if office else "") + (f"entry {seq}: " if seq is not None else "")
        print(f"BROKEN: {where}{what}")
    if not faults:
        print(f"The register holds: {told['numbers']} numbers, {told['entries']} entries, {told['offices']} offices; "
              f"root {told['root']}.")
        if head is None:
            print("A published head would also show what was cut off, or written anew.")
        elif head.signed_by and key is None:
            print(f"The head is signed with {head.signed_by}; name the key you trust with --key.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
