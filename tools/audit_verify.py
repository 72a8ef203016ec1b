# SPDX-License-Identifier: Apache-2.0
"""Verify an evidence bundle offline, with the Python standard library only.

usage: python3 -I -S audit_verify.py BUNDLE.zip VERIFIER_KEY [CHECKPOINT_FILE ...]

VERIFIER_KEY (`name+id+base64`) comes from the minutes or another place outside the audited system, never
from the bundle. A CHECKPOINT_FILE is one kept elsewhere, such as in a pack: the bundle has to extend it.
"""
import base64, hashlib, json, sys, zipfile

def sha(data): return hashlib.sha256(data).digest()
def node(left, right): return sha(b"\1" + left + right)
def fail(what): raise SystemExit("FAIL " + "".join(c if c.isprintable() else "?" for c in what))  # no control codes

# Ed25519 (RFC 8032, section 5.1.7)
P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_1 = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)
def add(a, b):
    w, x = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    y, z = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = x - w, z - y, z + y, x + w
    return e * f % P, g * h % P, f * g % P, e * h % P
def multiply(n, point):
    result = (0, 1, 1, 0)
    for bit in bin(n)[2:]:
        result = add(result, result) if bit == "0" else add(add(result, result), point)
    return result
def point(data):
    y, odd = int.from_bytes(data, "little") & (2**255 - 1), data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P: x = x * ROOT_OF_MINUS_1 % P
    if y >= P or (x * x - square) % P or (x == 0 and odd): return None
    if x & 1 != odd: x = P - x
    return x, y, 1, x * y % P
BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
def is_signed(key, message, signature):
    if len(key) != 32 or len(signature) != 64: return False
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q: return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    left, right = multiply(s, BASE), add(r, multiply(h, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))

# Keys and signed notes (C2SP signed-note, tlog-checkpoint)
def read_key(text):
    name, ident, encoded = text.strip().split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    if raw[:1] != b"\1" or sha(name.encode() + b"\n" + raw)[:4].hex() != ident: fail("malformed verifier key " + text)
    return name, bytes.fromhex(ident), raw[1:]

def trusted_keys(given, links):
    """The given key with its successors; and with its predecessors, which may be stolen: good for earlier notes only."""
    def vouches(old, new, signature):
        return is_signed(read_key(old)[2], b"governance signing key\n" + new.encode(), base64.b64decode(signature or ""))
    pairs = [(x["previous"], x["verifier_key"], x) for x in links if x["previous"]]
    pairs = [(old, new) for old, new, x in pairs if vouches(old, new, x["signature"]) and vouches(new, old, x["acceptance"])]
    now, earlier = {given}, {given}
    for _ in pairs:
        now |= {new for old, new in pairs if old in now}
        earlier |= {old for old, new in pairs if new in earlier}
    return [read_key(key) for key in now], [read_key(key) for key in now | earlier]

def read_checkpoint(note, keys, where):
    text, _, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines():
        dash, name, encoded = line.split(" ")
        raw = base64.b64decode(encoded, validate=True)
        for key in [key for key in keys if dash == "\u2014" and (name, raw[:4]) == key[:2]]:
            if not is_signed(key[2], (text + "\n").encode(), raw[4:]): fail("bad signature on " + where)
            return int(text.split("\n")[1]), base64.b64decode(text.split("\n")[2], validate=True)
    fail("no signature by a trusted key on " + where)

# Merkle proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2)
def is_included(seq, size, leaf, proof, root):
    if not 0 <= seq < size: return False
    last = size - 1
    for other in proof:
        if last == 0: return False
        if seq & 1 or seq == last:
            leaf = node(other, leaf)
            while seq and not seq & 1: seq, last = seq >> 1, last >> 1
        else: leaf = node(leaf, other)
        seq, last = seq >> 1, last >> 1
    return last == 0 and leaf == root
def is_extended(old, new, old_root, new_root, proof):
    if old == new: return not proof and old_root == new_root
    if old & (old - 1) == 0: proof = [old_root] + proof
    if not 0 < old < new or not proof: return False
    at, last = old - 1, new - 1
    while at & 1: at, last = at >> 1, last >> 1
    before = after = proof[0]
    for other in proof[1:]:
        if last == 0: return False
        if at & 1 or at == last:
            before, after = node(other, before), node(other, after)
            while at and not at & 1: at, last = at >> 1, last >> 1
        else: after = node(after, other)
        at, last = at >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
def hashes(values):
    found = [bytes.fromhex(value) for value in values]
    return found if all(len(value) == 32 for value in found) else fail("a proof holds something that is no hash")

def check_entry(line, size, root):
    """Its number, whether its row is shown, and the evidence file that it records."""
    entry = json.loads(line)
    where, body = "entry %s (%s)" % (entry["seq"], entry["key"]), entry["body"]
    leaf = sha(b"\0" + entry["key"].encode() + b"\n" + body.encode())
    if not is_included(entry["seq"], size, leaf, hashes(entry["proof"]), root): fail(where + " is not in the sealed ledger")
    said, shown = json.loads(body), entry["row"] is not None
    if shown and said["commitment"] != sha(bytes.fromhex(entry["salt"]) + entry["row"].encode()).hex():
        fail("the fact of " + where + " is not what was recorded")
    return entry["seq"], (shown, "files/" + said["disclosed"]["sha256"] if said.get("table") == "evidence_file" else None)

def main(path, key, *kept):
    bundle = zipfile.ZipFile(path)
    names = bundle.namelist()
    if len(set(names)) < len(names): fail("the bundle has two files of one name")
    if sum(info.file_size for info in bundle.infolist()) > 4 * 2**30: fail("the bundle is larger than 4 GiB")
    manifest = json.loads(bundle.read("manifest.json"))
    if manifest["format"] != "governance-evidence-bundle/1": fail("unknown format")
    current, keys = trusted_keys(key.strip(), json.loads(bundle.read("keys.json")))
    size, root = read_checkpoint(bundle.read("checkpoint").decode(), current, "the bundle's checkpoint")
    earlier = {size: root}
    for item in json.loads(bundle.read("consistency.json")):
        before = read_checkpoint(item["note"], keys, "an earlier checkpoint")
        if not is_extended(before[0], size, before[1], root, hashes(item["proof"])):
            fail("history before entry %d was rewritten" % before[0])
        earlier[before[0]] = before[1]
    for name in kept:
        before = read_checkpoint(open(name, encoding="utf-8").read(), keys, name)
        if before[0] not in earlier: fail("%s: no proof for size %d in the bundle; ask for one that has it" % (name, before[0]))
        if earlier[before[0]] != before[1]: fail("%s: history before entry %d was rewritten" % (name, before[0]))
    entries = dict(check_entry(line, size, root) for line in bundle.open("entries.jsonl"))
    if len(entries) != manifest["entries"]: fail("%d entries, but the manifest has %s" % (len(entries), manifest["entries"]))
    files, recorded = {name for name in names if name.startswith("files/")}, {name for _, name in entries.values()}
    for name in files | {name for shown, name in entries.values() if shown and name}:
        if name not in files: fail(name + " is missing")
        if name not in recorded: fail(name + " belongs to no entry")
        if sha(bundle.read(name)).hex() != name[6:]: fail(name + " was altered")
    counts = len(entries), size, sum(shown for shown, _ in entries.values()), len(files), len(earlier)
    print("OK %d entries in the ledger of %d, %d facts, %d files, %d checkpoints" % counts)

if __name__ == "__main__":
    if len(sys.argv) < 3: sys.exit(print(__doc__, file=sys.stderr) or 2)
    try: main(*sys.argv[1:])
    except Exception as error:  # whatever a hostile bundle causes
        fail("this is no bundle: %s: %s" % (type(error).__name__, error))
