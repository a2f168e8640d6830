#!/usr/bin/env python3
# check_command_line.py - the command line of a produced executable, on the toy model: outputs, messages, exit codes.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import math
import os
import pathlib
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ["LLMC_BUILD"])
FAILURES = []


def run(*arguments, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, **options)


def check(what, got, wanted):
    if got != wanted:
        FAILURES.append(f"{what}: got {got!r}, expected {wanted!r}")


def toy_logits(tokens):
    """What the toy model computes (test/runtime/support/toy_code.c), in float32."""
    f32 = lambda value: struct.unpack("f", struct.pack("f", value))[0]
    row = []
    for v in range(263):
        weight = f32(f32((v * 7919 % 101) / 64) - 0.5)
        total = 0.0
        for q, token in enumerate(tokens):
            total = f32(total + f32(f32(weight * f32(token + 1)) / f32(q + v + 1)))
        row.append(total)
    return row


def greedy(tokens, count):
    tokens = list(tokens)
    new = []
    for _ in range(count):
        row = toy_logits(tokens)
        new.append(max(range(263), key=lambda v: (row[v], -v)))
        tokens.append(new[-1])
    return new


def shifting(tokens, count, context, keep):
    """Greedy tokens where a full context drops the oldest but the first `keep`, and what stays is read anew."""
    tokens, new = list(tokens), []
    while True:
        row = toy_logits(tokens)
        new.append(max(range(263), key=lambda v: (row[v], -v)))
        if len(new) == count:
            return new
        tokens.append(new[-1])
        if len(tokens) > context:
            first = min(keep, context // 2)
            tokens = tokens[:first] + tokens[-max((context - first) // 2, 1) :]


def read_npy(path):
    data = path.read_bytes()
    rows, columns = map(int, data[10:128].decode().split("(")[1].split(")")[0].split(","))
    values = struct.unpack(f"<{rows * columns}f", data[128:])
    return [list(values[r * columns : (r + 1) * columns]) for r in range(rows)]


def results(toy, folder):
    ids = [7, 250, 3, 99, 12]
    text = ",".join(map(str, ids))
    wanted = ",".join(map(str, greedy(ids, 9))) + "\n"
    done = run(toy, "--ids", text, "-n", 9)
    check("greedy ids", (done.stdout, done.stderr, done.returncode), (wanted, "", 0))
    for more in (["-t", 1], ["-t", 2, "--max-step", 1], ["--max-step", 3, "--sequences-beside", 2], ["--ids-only"], ["-c", 14],
                 ["--temp", 0, "--top-k", 3]):
        check(f"the same with {more}", run(toy, "--ids", text, "-n", 9, *more).stdout, wanted)
    sampled = run(toy, "--ids", text, "-n", 40, "--temp", 30, "-s", 5).stdout
    check("a seed gives the same tokens", run(toy, "--ids", text, "-n", 40, "--temperature", 30, "--seed", 5).stdout, sampled)
    check("another seed gives others", run(toy, "--ids", text, "-n", 40, "--temp", 30, "-s", 6).stdout != sampled, True)

    logits = folder / "logits.npy"
    for more in ([], ["--max-step", 7, "--sequences-beside", 3]):
        check("logits run", run(toy, "--ids", text, "-n", 3, "--logits", logits, *more).returncode, 0)
        rows = read_npy(logits)
        tokens = ids + greedy(ids, 3)
        check("logits: a row for each token", len(rows), 8)
        check("logits: every row", [row == toy_logits(tokens[: i + 1]) for i, row in enumerate(rows)], [True] * 8)
    check("no new tokens", run(toy, "--ids", text, "-n", 0, "--logits", logits).stdout, "")
    check("logits of the prompt alone", len(read_npy(logits)), 5)

    lines = [json.loads(line) for line in run(toy, "--ids", text, "-n", 3, "--json").stdout.splitlines()]
    check("json types", [line["type"] for line in lines], ["token"] * 3 + ["end"])
    check("json ids", [line["id"] for line in lines[:3]], greedy(ids, 3))
    check("json end", (lines[3]["reason"], lines[3]["prompt_tokens"], lines[3]["new_tokens"]), ("length", 5, 3))
    check("ends when the context is full", json.loads(run(toy, "--ids", text, "-c", 8, "--json").stdout.splitlines()[-1])["reason"],
          "context full")
    # Log probabilities of the model's own logits, whatever is done to them before a token is chosen.
    done = run(toy, "--ids", text, "-n", 3, "--json", "--logprobs", 4, "--temp", 30, "--repeat-penalty", 2, "-s", 3)
    tokens = list(ids)
    for shown in map(json.loads, done.stdout.splitlines()[:3]):
        row = toy_logits(tokens)
        scale = max(row) + math.log(sum(math.exp(value - max(row)) for value in row))
        best = sorted(range(263), key=lambda v: (-row[v], v))[:4]
        check("the likeliest", [top["id"] for top in shown["top"]], best)
        check("log probabilities", all(abs(got - wanted) < 2e-6 for got, wanted in zip(
            [shown["logprob"], *(top["logprob"] for top in shown["top"])], [row[v] - scale for v in (shown["id"], *best)])), True)
        tokens.append(shown["id"])
    done = run(toy, "--ids", text, "-n", 3, "--logprobs", 2)
    check("as text", (done.stdout, len(done.stderr.splitlines()), re.fullmatch(r"-?\d+\.\d{6} \d+(  -?\d+\.\d{6} \d+){2}", done.stderr.splitlines()[0])
                      is not None), (",".join(map(str, greedy(ids, 3))) + "\n", 3, True))
    check("none but its own", run(toy, "--ids", text, "-n", 1, "--logprobs", 0).stderr.count(" "), 1)
    stats = run(toy, "--ids", text, "-n", 3, "--stats", "--temp", 1).stderr
    check("stats", [word in stats for word in ("prompt", "decode", "first token", "memory", "variant   plain", "seed")], [True] * 6)
    copied = run(toy, "--ids", text, "-n", 3, "--ids-only", "--stats", "--no-mmap")
    check("weights in memory", (copied.stdout, re.findall(r"^weights .*", copied.stderr, re.M)),
          (run(toy, "--ids", text, "-n", 3, "--ids-only").stdout, ["weights   copied to memory"]))
    last = json.loads(run(toy, "--ids", text, "-n", 3, "--json", "--no-mmap").stdout.splitlines()[-1])
    check("weights in memory, as JSON", last["weights_copied"], True)


def write_ids(path, descr, shape, values):
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head +
                     struct.pack(f"<{len(values)}{'q' if descr == '<i8' else 'i'}", *values))
    return path


def entry(toy, folder):
    """The decoder's step on tokens from a file: the logits of every one."""
    ids = [7, 250, 3, 99, 12] * 6
    wanted = [list(toy_logits(ids[: n + 1])) for n in range(len(ids))]
    for descr, shape in (("<i4", "(30,)"), ("<i8", "(30,)"), ("<i8", "(1, 30)")):
        path = write_ids(folder / "ids.npy", descr, shape, ids)
        done = run(toy, "--entry", "step", "--input", f"tokens={path}", "--output-dir", folder / "out")
        check(f"the step on {descr} {shape}", (done.returncode, done.stderr, done.stdout),
              (0, "", f"{folder}/out/logits.npy  float32 [30, 263]\n"))
        check("its logits", read_npy(folder / "out" / "logits.npy"), wanted)
        os.remove(folder / "out" / "logits.npy")
    run(toy, "--input", f"tokens={path}", "--output-dir", folder / "out", "--max-step", 7, "-t", 2)
    check("in steps of seven", read_npy(folder / "out" / "logits.npy"), wanted)
    os.remove(folder / "out" / "logits.npy")

    def fails(what, arguments, message):
        done = run(toy, "--output-dir", folder / "out", *arguments)
        check(what, (done.returncode, done.stdout, done.stderr), (1, "", message))
        check(f"{what}: nothing is written", os.listdir(folder / "out"), [])

    need = f"{toy}: error: this entry has one input, 'tokens', int32 or int64 [tokens]; "
    give = "note: give it: --input tokens=FILE.npy\n"
    fails("no input", [], need + "none is given\n" + give)
    fails("an input of another name", ["--input", "x=a.npy"], need + "given: --input x=a.npy\n" + give)
    two = write_ids(folder / "two.npy", "<i8", "(2, 15)", ids)
    fails("two texts", ["--input", f"tokens={two}"],
          f"{two}: error: holds int64 [2, 15] (expected int32 or int64 [tokens], 1 to 509 of them), for input 'tokens'\n")
    far = write_ids(folder / "far.npy", "<i8", "(3,)", [1, 2, 1 << 40])
    fails("an id past the vocabulary", ["--input", f"tokens={far}"],
          f"{far}: error: token 2 is none of this model\nnote: its tokens are 0 to 262\n")
    short = write_ids(folder / "short.npy", "<i8", "(4,)", [1, 2, 3])
    fails("a file cut short", ["--input", f"tokens={short}"],
          f"{short}: error: has 24 bytes of elements (expected 32), for input 'tokens'\n")
    fails("more tokens than the context", ["-c", 20, "--input", f"tokens={path}"],
          f"{path}: error: holds int64 [1, 30] (expected int32 or int64 [tokens], 1 to 20 of them), for input 'tokens'\n")
    fails("no such entry", ["--entry", "encode", "--input", f"tokens={path}"], f"{toy}: error: has no entry 'encode'\n")


def messages(toy, folder, runtime):
    def fails(what, arguments, code, message, program=toy, **options):
        done = run(program, *arguments, **options)
        check(what, (done.returncode, done.stdout, done.stderr), (code, "", message))

    note = f"note: all options: {toy} --help\n"
    fails("unknown option", ["--frob"], 2, "error: unknown or ambiguous option '--frob'\n" + note)
    fails("unknown letter", ["-z"], 2, "error: unknown option '-z'\n" + note)
    fails("surplus value", ["--help=3"], 2, "error: surplus value for option '--help=3'\n" + note)
    fails("surplus value of a longer one", ["--raw=3"], 2, "error: surplus value for option '--raw=3'\n" + note)
    fails("no name of a prompt's file", ["-f", ""], 2, "error: --file: the file's name is empty\n" + note)
    fails("missing value", ["-n"], 2, "error: option '-n' needs a value\n" + note)
    fails("not a number", ["-n", "5x"], 2, "error: --max-new-tokens: '5x' is not a number from 0 to 4294967294\n" + note)
    fails("negative", ["--top-k", "-1"], 2, "error: --top-k: '-1' is not a number from 0 to 2147483647\n" + note)
    fails("out of range", ["--top-p", "1.5"], 2, "error: --top-p: '1.5' is not a number from 0 to 1\n" + note)
    fails("not a number at all", ["--temp", "nan"], 2, "error: --temperature: 'nan' is not a number from 0 to 1000\n" + note)
    fails("bad ids", ["--ids", "1,,2"], 2, "error: --ids: '1,,2' is not a list of token ids such as 1,2,3\n" + note)
    fails("two prompts", ["--ids", "1", "text"], 2,
          "error: a second prompt 'text' (expected one of PROMPT, --prompt, --file and --ids)\n" + note)
    fails("empty stop", ["--ids", "1", "--stop", ""], 2, "error: --stop: the text is empty\n" + note)
    fails("json and ids", ["--ids", "1", "--json", "--ids-only"], 2, "error: --json and --ids-only exclude each other\n" + note)
    fails("id past the vocabulary", ["--ids", "1,263"], 1, f"{toy}: error: --ids: 263 is no token of this model\nnote: its tokens are 0 to 262\n")
    fails("prompt past the context", ["--ids", "1,2,3", "-c", "2"], 1,
          f"{toy}: error: the prompt of 3 tokens does not fit: 0 of 2 positions are free\n".replace("0 of", "2 of")
          + "note: shorten it, or ask for a larger context\n")
    fails("context past the file's", ["--ids", "1", "-c", "2000"], 1,
          f"{toy}: error: context = 2000, the model was compiled for 1 to 1009\n"
          "note: compile it with larger bounds (--max-context, --max-step, --max-sequences)\n")
    fails("text without a tokenizer", ["hello"], 1,
          f"{toy}: error: has no tokenizer, so it cannot read a text\nnote: give token ids: --ids 1,2,3\n")
    fails("no such prompt file", ["-f", "/does/not/exist"], 1, "/does/not/exist: error: cannot be opened: no such file or directory\n")
    fails("logits into no folder", ["--ids", "1", "-n", "1", "--logits", "/does/not/exist.npy"], 1,
          "/does/not/exist.npy: error: cannot be written: no such file or directory\n")
    fails("a runtime alone", ["--ids", "1"], 1,
          f"{runtime}: error: is not a compiled model (no llmc container at its start or end)\n"
          "note: it is a program without a model; a model's executable is made by: llmc compile MODEL -o OUT\n", program=runtime)

    # The same as JSON, wherever --diagnostics stands.
    for arguments, code, message, remedy in (
            (["--frob", "--diagnostics", "json"], 2, "unknown or ambiguous option '--frob'", f"all options: {toy} --help"),
            (["--diagnostics=json", "--ids", "1,263"], 1, "--ids: 263 is no token of this model", "its tokens are 0 to 262"),
            (["--diagnostics=json", "-f", os.fsdecode(b"/does/not\xff\xfe")], 1, "cannot be opened: no such file or directory", None)):
        done = run(toy, *arguments)
        got = json.loads(done.stderr)
        check("a message as JSON", (done.returncode, got["severity"], got["message"], got.get("note")), (code, "error", message, remedy))
    check("which names its file", got["file"], "/does/not\ufffd\ufffd")  # two bytes, no UTF-8
    done = run(toy, "--diagnostics=json", "--ids", "7,250,3", "-c", 8)
    check("a warning as JSON", json.loads(done.stderr)["severity"], "warning")
    fails("a form nobody has", ["--diagnostics", "xml"], 2, "error: --diagnostics: 'xml' is neither text nor json\n" + note)

    cut = folder / "cut"
    cut.write_bytes(toy.read_bytes()[:-1000])
    cut.chmod(0o755)
    fails("an executable cut short", ["--ids", "1"], 1,
          f"{cut}: error: is not a compiled model (no llmc container at its start or end)\n"
          "note: it is a program without a model; a model's executable is made by: llmc compile MODEL -o OUT\n", program=cut)
    damaged = folder / "damaged"
    data = bytearray(toy.read_bytes())
    data[data.rindex(b"toy model")] ^= 1  # in the licences
    damaged.write_bytes(data)
    damaged.chmod(0o755)
    fails("a damaged executable", ["--ids", "1"], 1,
          f"{damaged}: error: section 3 (licences) is damaged (its SHA-256 does not match)\nnote: copy or compile it again\n",
          program=damaged)


def behaviour(toy, folder):
    check("help shows examples first", run(toy, "--help").stdout.splitlines()[0], "Examples:")
    check("version", run(toy, "--version").stdout.startswith("llmc runtime "), True)
    check("about", "name        toy" in run(toy, "--about").stdout, True)
    licences = run(toy, "--licenses").stdout
    check("licences", [word in licences for word in ("no rights reserved", "Apache License", "GNU LESSER GENERAL PUBLIC LICENSE")],
          [True] * 3)
    with open("/dev/full", "w") as full:
        done = subprocess.run([toy, "--ids", "1", "-n", "4"], stdout=full, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        check("a full disk", (done.returncode, done.stderr), (1, "standard output: error: cannot be written: no space left on device\n"))
        for option in ("--help", "--version", "--about", "--licenses"):
            done = subprocess.run([toy, option], stdout=full, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
            check(f"a full disk and {option}", (done.returncode, done.stderr),
                  (1, "standard output: error: cannot be written: no space left on device\n"))
    # What the caller closed is not taken by our own files.
    logits = folder / "closed.npy"
    done = subprocess.run([toy, "--ids", "1", "-n", "4", "--logits", logits], stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: (os.close(0), os.close(1)))
    check("closed standard output", (done.returncode, done.stderr),
          (1, "standard output: error: cannot be written: bad file descriptor\n"))
    done = run(toy, "-", preexec_fn=lambda: os.close(0), stdin=None)
    check("closed standard input", (done.returncode, done.stderr), (1, "standard input: error: cannot be read: bad file descriptor\n"))
    logits = folder / "limited.npy"
    done = run(toy, "--ids", "1", "-n", "50", "--logits", logits, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    check("a file size limit", (done.returncode, done.stderr, len(list(folder.glob("limited.npy*")))),
          (1, f"error: {logits}: cannot be written: file too large\n", 0))
    # The reader takes one byte and goes: generation without an end stops, and nothing is said.
    process = subprocess.Popen([toy, "--ids", "1", "-c", "1009"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL)
    process.stdout.read(1)
    process.stdout.close()
    check("a closed pipe ends quietly", (process.wait(60), process.stderr.read()), (0, b""))
    # A slow run is one of many steps. What the program handles it lets in, and what it was told to ignore (nohup) it ignores.
    unfinished = folder / "unfinished.npy"
    size = lambda: sum(file.stat().st_size for file in folder.glob("unfinished.npy*"))  # it grows beside its name
    for number, before in ((signal.SIGINT, signal.SIG_DFL), (signal.SIGTERM, signal.SIG_DFL), (signal.SIGHUP, signal.SIG_DFL),
                           (signal.SIGHUP, signal.SIG_IGN), (signal.SIGINT, signal.SIG_IGN)):
        process = subprocess.Popen([toy, "--ids", ",".join(["5"] * 1000), "-c", "1009", "--max-step", "1", "--logits", unfinished],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                   preexec_fn=lambda: signal.signal(number, before))
        while process.poll() is None and size() < 4000:
            time.sleep(0.0005)
        process.send_signal(number)
        ended = (process.wait(60), process.stderr.read(), size() > 0)
        unfinished.unlink(missing_ok=True)
        if before == signal.SIG_IGN:
            check(f"{number.name}, ignored from the start", (ended[0], b"context of 1009 positions is full" in ended[1], ended[2]),
                  (0, True, True))
        elif ended[0] != 0:  # 0: the machine was faster than we were
            check(number.name, ended, (128 + number, b"", False))
    counted = run(toy, "--ids", "1,2,3", "-n", "50", "--count-allocations").stderr
    if "does not count" not in counted:  # sanitizers bring their own allocator
        check("no allocation after opening", counted, "allocations after opening: 0\n")


def full_context(toy):
    listed = lambda ids: ",".join(map(str, ids))
    note = "note: --ctx-size N makes room; --context-policy shift goes on without the oldest part\n"
    for policy in ([], ["--context-policy", "stop"]):
        done = run(toy, "--ids", "7,250,3", "-c", 8, *policy)
        check("a full context is announced", (done.returncode, done.stdout, done.stderr),
              (0, listed(greedy([7, 250, 3], 6)) + "\n",
               f"{toy}: warning: the context of 8 positions is full: the answer ends here\n" + note))
    for ids, context, keep in (([7, 250, 3], 8, 0), ([7], 1, 0), ([7, 9], 2, 0), ([256, 7, 9, 11], 16, 1), ([256] * 9 + [5], 12, 9),
                               ([3] * 16, 16, 0), (list(range(40, 100)), 67, 0)):
        wanted = listed(shifting(ids, 40, context, keep)) + "\n"
        for more in ([], ["-t", 1, "--max-step", 1], ["--max-step", 5, "--sequences-beside", 2]):
            done = run(toy, "--ids", listed(ids), "-c", context, "-n", 40, "--context-policy", "shift", *more)
            check(f"shift: {len(ids)} tokens in {context} with {more}", (done.returncode, done.stdout, done.stderr),
                  (0, wanted, f"{toy}: warning: the context of {context} positions is full: the oldest tokens are dropped\n"))
    done = run(toy, "--ids", "1,2,3", "-c", 2, "--context-policy", "shift")
    check("a prompt longer than the context", (done.returncode, done.stdout, done.stderr),
          (1, "", f"{toy}: error: the prompt of 3 tokens does not fit: 2 of 2 positions are free\n"
                  "note: shorten it, or ask for a larger context\n"))
    end = json.loads(run(toy, "--ids", "7,250,3", "-c", 8, "-n", 20, "--context-policy", "shift", "--json").stdout.splitlines()[-1])
    check("the reason and the number of shifts", (end["reason"], end["context_shifts"], end["new_tokens"]), ("length", 3, 20))
    done = run(toy, "--ids", "1", "--context-policy", "slide")
    check("a policy nobody has", (done.returncode, done.stderr),
          (2, f"error: --context-policy: 'slide' is neither stop nor shift\nnote: all options: {toy} --help\n"))
    done = run(toy, "--ids", "1", "--context-policy", "shift", "--logits", "x.npy")
    check("logits of every position", (done.returncode, done.stderr),
          (2, f"error: --logits and --context-policy shift exclude each other\nnote: all options: {toy} --help\n"))


def on_terminal(program, *arguments, say=b"", after=b"", then=(), blocked=(), limit=60):
    """What a terminal shows of the program, and its exit code; `say` is typed, once `after` is seen, and of `then` each (seen, typed)
    once that is seen behind what was seen before. The program starts with the
    signals of `blocked` held back and all others as a shell leaves them, whatever this test was started with. After `limit`
    seconds the program is killed and the exit code says so."""
    process_id, terminal = pty.fork()
    if process_id == 0:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.environ["NO_COLOR"] = "1"
        os.execv(program, [str(program), *map(str, arguments)])
    shown, end, steps, place = b"", time.monotonic() + limit, [(after, say), *then], 0
    while True:
        while steps and (found := shown.find(steps[0][0], place)) >= 0:
            place = found + len(steps[0][0])
            os.write(terminal, steps.pop(0)[1])
        if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            os.kill(process_id, signal.SIGKILL)
            break
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side has closed
            break
        if not chunk:
            break
        shown += chunk
    code = os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])
    os.close(terminal)
    return shown.decode().replace("\r\n", "\n"), code


def text(toy, folder):
    prompt = folder / "prompt.txt"
    prompt.write_bytes("the théâtre\n".encode())
    mixed = ["-n", 20, "--temp", 100, "-s", 4]  # greedily the toy model says little
    wanted = run(toy, "the théâtre", *mixed).stdout
    check("some text", len(set(wanted)) > 5, True)
    check("--prompt", run(toy, "-p", "the théâtre", *mixed).stdout, wanted)
    check("--file", run(toy, "-f", prompt, *mixed).stdout, wanted)
    with open(prompt) as piped:
        check("- reads standard input", run(toy, "-", *mixed, stdin=piped).stdout, wanted)
        piped.seek(0)
        check("standard input without a prompt", run(toy, *mixed, stdin=piped).stdout, wanted)
    lines = [json.loads(line) for line in run(toy, "the théâtre", "--json", *mixed).stdout.splitlines()]
    check("json text", "".join(line["text"] for line in lines[:-1]), wanted)
    check("json prompt tokens", lines[-1]["prompt_tokens"], 10)  # <bos> the " " th é, two bytes of â, t r e
    ids = [line["id"] for line in lines if line["type"] == "token" and line["id"] is not None]
    check("--ids-only", run(toy, "the théâtre", "--ids-only", *mixed).stdout, ",".join(map(str, ids)) + "\n")
    check("an empty prompt begins with the first token", run(toy, "", "-n", 5, "--ids-only").stdout,
          run(toy, "--ids", "256", "-n", 5, "--ids-only").stdout)
    stop = wanted[7:9]
    check("--stop", run(toy, "the théâtre", "--stop", stop, "--stop", "unseen", *mixed).stdout, wanted[: wanted.index(stop)])
    wanted = run(toy, "the théâtre", "-n", 20).stdout
    check("a terminal gets a line end", on_terminal(toy, "the théâtre", "-n", 20), (wanted + "\n", 0))
    shown, code = on_terminal(toy, "-n", 5, say=b"the sea\n/stats\n/reset\n/exit\n")
    check("a conversation", (code, "A line continues the text" in shown, "variant   plain" in shown, shown.count("> ")), (0, True, True, 4))
    check("Ctrl-C where nothing runs ends a conversation", on_terminal(toy, say=b"\x03", after=b"> ")[1], 130)
    check("and where the one who started it held interrupts back",
          on_terminal(toy, say=b"\x03", after=b"> ", blocked=[signal.SIGINT])[1], 130)
    # An answer that does not end: Ctrl-C ends it, and the conversation goes on; twice ends the program.
    endless = ["--context-policy", "shift", "-c", 64, "--ids-only"]  # greedily: no end token comes
    check("it does not end", len(run(toy, "the sea", *endless, "-n", 3000).stdout.split(",")), 3000)
    shown, code = on_terminal(toy, *endless, after=b"> ", say=b"the sea\n", then=[(b",", b"\x03"), (b"> ", b"/stats\n"), (b"end ", b"/exit\n")])
    check("Ctrl-C ends an answer", (code, "end       interrupted" in shown), (0, True))
    shown, code = on_terminal(toy, *endless, after=b"> ", say=b"the sea\n", then=[(b",", b"\x03"), (b"> ", b"\x03")])
    check("twice ends the program", code, 130)
    check("Ctrl-D ends a conversation", on_terminal(toy, say=b"\x04")[1], 0)
    shown, _ = on_terminal(toy, "--frob", say=b"")
    check("messages on a terminal", shown.startswith("error: unknown or ambiguous option '--frob'"), True)


def written_down(messages, prompt=True):
    """The toy's chat template as tokens: bytes, and the special ones (no message here holds a merge)."""
    ids = [256]
    for role, content in messages:
        ids += [*f"{role}:{content}".encode(), 257]
    return ids + [*b"assistant:"] * prompt


def chat(talk, speaking, folder):
    as_ids = lambda messages, *more: run(talk, "--ids", ",".join(map(str, written_down(messages))), "--ids-only", *more).stdout
    sampled = ["-n", 12, "--temp", 100, "-s", 4]
    wanted = as_ids([("user", "sea")], *sampled)
    check("some tokens", len(set(wanted.split(","))) > 5, True)
    check("a prompt goes through the template", run(talk, "sea", "--ids-only", *sampled).stdout, wanted)
    check("the prompt's ids are its own", len(written_down([("user", "sea")])), 20)
    check("special tokens of the prompt", json.loads(run(talk, "sea", "--json", *sampled).stdout.splitlines()[-1])["prompt_tokens"], 20)
    check("a system message", run(talk, "sea", "--system", "be dry", "--ids-only", *sampled).stdout,
          as_ids([("system", "be dry"), ("user", "sea")], *sampled))
    check("--raw", run(talk, "sea", "--raw", "--ids-only", *sampled).stdout, run(speaking, "sea", "--ids-only", *sampled).stdout)
    prompt = folder / "sea.txt"
    prompt.write_text("sea\n")
    check("a prompt from a file", run(talk, "-f", prompt, "--ids-only", *sampled).stdout, wanted)

    def fails(what, program, arguments, code, message):
        done = run(program, *arguments)
        check(what, (done.returncode, done.stdout, done.stderr), (code, "", message))

    note = f"note: all options: {talk} --help\n"
    fails("a refused conversation", talk, ["refuse"], 1, f"{talk}: error: the chat template refuses the conversation: not that\n")
    fails("a template that fails", talk, ["fail"], 1,
          f"{talk}: error: the chat template fails on the conversation: chat_template.jinja: line 4, column 44: a string has no attribute 'x'\n"
          "note: it may not be made for such messages\n")
    fails("--system and --raw", talk, ["--system", "a", "--raw", "b"], 2, "error: --system and --raw exclude each other\n" + note)
    fails("--system and --ids", talk, ["--system", "a", "--ids", "1"], 2, "error: --system and --ids exclude each other\n" + note)
    fails("--system without a template", speaking, ["--system", "a", "b"], 1,
          f"{speaking}: error: has no chat template, so it takes no system message\nnote: write it at the start of the prompt\n")

    # A conversation computes what is new, and answers as if all of it were read at once.
    turns = ["-n", 5, "--ids-only", "--repeat-penalty", 3]  # greedy, but not always the same token
    first = [("user", "sea")]
    answer = bytes(map(int, as_ids(first, *turns).split(","))).decode()
    second = [*first, ("assistant", answer), ("user", "sun")]
    check("different tokens", len(set(answer)) > 3, True)
    shown, code = on_terminal(talk, *turns, say=b"sea\n/stats\nsun\n/stats\nrefuse\n/reset\nsea\n/stats\n/exit\n")
    ids = re.findall(r"^(?:> )*([\d,]+)$", shown, re.M)
    computed = [int(count) for count in re.findall(r"prompt +(\d+) tokens", shown)]
    check("a chat", (code, "A line is a message" in shown, "not that" in shown), (0, True, True))
    check("its answers", [f"{line}\n" for line in ids], [as_ids(turn, *turns) for turn in (first, second, first)])
    # The last token of an answer is not computed before the next turn: it and what follows is.
    check("each turn computes only its own tokens", computed,
          [20, len(written_down(second)) - (20 + 4), 20])
    shown, code = on_terminal(talk, *turns, "--system", "dry", say=b"sea\n/reset\nsea\n/exit\n")
    ids = re.findall(r"^(?:> )*([\d,]+)$", shown, re.M)
    check("/reset keeps the system message", [f"{line}\n" for line in ids], [as_ids([("system", "dry"), *first], *turns)] * 2)


def full_conversation(talk):
    """Turns until the context is full: the oldest go, a system message stays, and answers are those of what is left."""
    turns = ["-n", 5, "--ids-only", "--repeat-penalty", 3]
    alone = lambda messages, *more: run(talk, "--ids", ",".join(map(str, written_down(messages))), *turns, *more).stdout.strip()
    words = ["sea", "sun", "sky", "ice", "oak"]
    context, messages, wanted, dropped = 96, [("system", "dry")], [], []
    for word in words:
        messages.append(("user", word))
        if len(written_down(messages)) > context:
            count = 0
            while len(written_down(messages)) > context * 3 // 4 and len(messages) > 2:
                del messages[1:3]
                count += 1
            dropped.append(count)
        wanted.append(alone(messages, "-c", 1009))
        messages.append(("assistant", bytes(map(int, wanted[-1].split(","))).decode()))
    check("turns were dropped", bool(dropped) and all(dropped), True)
    say = "".join(f"{word}\n" for word in words).encode() + b"/exit\n"
    shown, code = on_terminal(talk, *turns, "-c", context, "--context-policy", "shift", "--system", "dry", say=say)
    check("a conversation that drops turns", (code, re.findall(r"^(?:> )*([\d,]+)$", shown, re.M)), (0, wanted))
    texts = {1: "the oldest turn is dropped"}
    check("it says so", re.findall(r"warning: the context of 96 positions is full: (.*)$", shown, re.M),
          [texts.get(count, f"{count} oldest turns are dropped") for count in dropped])
    shown, code = on_terminal(talk, *turns, "-c", context, "--system", "dry", say=say)
    check("one that stops", (code, len(re.findall(r"^(?:> )*([\d,]+)$", shown, re.M)) < len(words)), (0, True))
    check("says what helps", re.findall(r"error: (the conversation of \d+ tokens does not fit: .*)\n(note: .*)", shown)[:1],
          [(f"the conversation of {len(written_down(messages_that_fill(alone, words, context)))} tokens does not fit: the context has 96 positions",
            "note: /reset starts anew; --context-policy shift drops the oldest turns, --ctx-size N makes room")])
    # In the middle of an answer: the older turns go, then the older half of the answer.
    long = ["-n", 40, "--ids-only", "--repeat-penalty", 3, "-c", 48, "--context-policy", "shift"]
    sequence = written_down([("user", "sea")])
    first, new = len(sequence), []
    for _ in range(40):
        row = toy_logits(sequence)
        penalized = [value / 3 if value > 0 else value * 3 for value in row]
        row = [penalized[v] if v in sequence else row[v] for v in range(263)]
        new.append(max(range(263), key=lambda v: (struct.unpack("f", struct.pack("f", row[v]))[0], -v)))
        sequence.append(new[-1])
        if len(sequence) > 48:
            first = min(first, 24)
            sequence = sequence[:first] + sequence[-((48 - first) // 2) :]
    done = run(talk, "sea", *long)
    check("a long answer", (done.returncode, done.stdout, done.stderr),
          (0, ",".join(map(str, new)) + "\n",
           f"{talk}: warning: the context of 48 positions is full: the oldest tokens of the answer are dropped\n"))
    done = run(talk, "s" * 60, *long)
    check("a message past the context", (done.returncode, done.stderr.splitlines()[0]),
          (1, f"{talk}: error: the message does not fit: with what is kept it has 77 tokens, and the context 48 positions"))


def saved_sessions(toy, speaking, talk, folder):
    """A session saved and loaded goes on as if it had not ended."""
    listed = lambda ids: ",".join(map(str, ids))
    saved = folder / "session"
    whole = greedy([7, 250, 3], 21)
    first = run(toy, "--ids", "7,250,3", "-n", 9, "--save", saved)
    check("saving says nothing", (first.returncode, first.stdout, first.stderr), (0, listed(whole[:9]) + "\n", ""))
    for more in ([], ["-t", 1, "--max-step", 1, "-c", 40], ["--sequences-beside", 2]):
        done = run(toy, "--ids", "5,6", "-n", 4, "--load", saved, *more)
        check(f"it goes on with {more}", (done.stdout, done.stderr), (listed(greedy([7, 250, 3, *whole[:9], 5, 6], 4)) + "\n", ""))
    data = saved.read_bytes()
    check("the file does not depend on threads", run(toy, "--ids", "7,250,3", "-n", 9, "--save", folder / "again", "-t", 1).returncode, 0)
    check("the same bytes", (folder / "again").read_bytes() == data, True)
    check("over itself", run(toy, "--ids", "5", "-n", 2, "--load", saved, "--save", saved).returncode, 0)
    tokens = [7, 250, 3, *whole[:9], 5]
    tokens += greedy(tokens, 2)
    done = run(toy, "--ids", "8", "-n", 3, "--load", saved)
    check("and on", done.stdout, listed(greedy([*tokens, 8], 3)) + "\n")
    done = run(toy, "--ids", "8", "-n", 30, "--load", saved, "-c", 20, "--context-policy", "shift")
    check("a loaded session may shift", done.stdout, listed(shifting([*tokens, 8], 30, 20, 0)) + "\n")
    # A text that nothing ended goes on without a prompt.
    text = ["-n", 12, "--temp", 0]
    whole = run(speaking, "the sea", "-n", 24, "--temp", 0, "--ids-only").stdout
    run(speaking, "the sea", *text, "--save", saved)
    halves = run(speaking, "the sea", *text, "--ids-only").stdout.strip(), run(speaking, "", *text, "--load", saved, "--ids-only").stdout
    check("without a prompt", ",".join(halves), whole)
    penalized = ["-n", 10, "--repeat-penalty", 3, "--ids-only"]
    run(speaking, "the sea", *penalized, "--save", saved)
    halves = run(speaking, "the sea", *penalized).stdout.strip(), run(speaking, "", *penalized, "--load", saved).stdout
    check("what was said is penalized", ",".join(halves), run(speaking, "the sea", "-n", 20, *penalized[2:]).stdout)

    # A conversation from one program to the next.
    turns = ["-n", 5, "--ids-only", "--repeat-penalty", 3, "--system", "dry"]
    shown, _ = on_terminal(talk, *turns, say=b"sea\nsun\nsky\n/exit\n")
    wanted = re.findall(r"^(?:> )*([\d,]+)$", shown, re.M)
    check("three turns", len(wanted), 3)
    shown, code = on_terminal(talk, *turns, "--save", saved, say=b"sea\n/exit\n")
    again = [argument for argument in turns if argument not in ("--system", "dry")]
    got = re.findall(r"^(?:> )*([\d,]+)$", shown, re.M)
    shown, code = on_terminal(talk, *again, "--load", saved, "--save", saved, say=b"sun\n/stats\n\x04")
    got += re.findall(r"^(?:> )*([\d,]+)$", shown, re.M)
    computed = int(re.findall(r"prompt +(\d+) tokens", shown)[0])
    got.append(run(talk, "sky", *again, "--load", saved).stdout.strip())
    check("a conversation over three programs", (code, got), (0, wanted))
    check("the second turn computes its own tokens alone", computed < 25, True)
    _, code = on_terminal(talk, *turns, "--save", folder / "interrupted", say=b"\x03", after=b"> ")
    check("Ctrl-C at the prompt saves as well", (code, (folder / "interrupted").exists()), (130, True))

    def fails(what, program, arguments, code, message):
        done = run(program, *arguments)
        check(what, (done.returncode, done.stdout, done.stderr), (code, "", message))

    run(talk, "sea", "-n", 3, "--raw", "--save", saved)
    fails("a raw session in a conversation", talk, ["sun", "--load", saved], 1,
          f"{saved}: error: was saved without the model's chat template\nnote: go on with --raw\n")
    fails("another model's", toy, ["--ids", "1", "--load", saved], 1,
          f"{saved}: error: was saved with another model\nnote: a saved session belongs to the compiled file, byte for byte, that wrote it\n")
    fails("no such file", toy, ["--ids", "1", "--load", "/does/not/exist"], 1,
          "/does/not/exist: error: cannot be opened: no such file or directory\n")
    fails("a directory", toy, ["--ids", "1", "--load", folder], 1, f"{folder}: error: is a directory, expected a file\n")
    fails("a device", toy, ["--ids", "1", "--load", "/dev/zero"], 1, "/dev/zero: error: is not a regular file, expected a file\n")
    fails("another file", toy, ["--ids", "1", "--load", toy], 1,
          f"{toy}: error: is not a saved session\nnote: one is written by --save FILE\n")
    (folder / "empty").write_bytes(b"")
    fails("an empty file", toy, ["--ids", "1", "--load", folder / "empty"], 1,
          f"{folder}/empty: error: is not a saved session (0 bytes)\nnote: one is written by --save FILE\n")
    fails("a system message for a saved conversation", talk, ["sun", "--system", "a", "--load", saved], 2,
          f"error: --system and --load exclude each other: the saved conversation has begun\nnote: all options: {talk} --help\n")
    fails("a context too short", toy, ["--ids", "1", "-c", "3", "--load", folder / "again"], 1,
          f"{folder}/again: error: holds 11 tokens, the context has 3 positions\nnote: ask for a larger context\n")
    fails("into no folder", toy, ["--ids", "1", "--save", "/does/not/exist"], 1,
          "/does/not/exist: error: cannot be written: no such file or directory\n")
    fails("a folder to write", toy, ["--ids", "1", "--save", folder], 1, f"{folder}: error: cannot be written: is a directory\n")
    fails("over the model", toy, ["--ids", "1", "--save", toy], 1,
          f"{toy}: error: cannot be written: is the model that runs\nnote: name another file\n")
    full = run(toy, "--ids", "1", "-n", 2, "--save", "/dev/full")
    check("a full disk", (full.returncode, full.stderr), (1, "/dev/full: error: cannot be written: no space left on device\n"))
    limited = run(toy, "--ids", "1", "-n", 50, "--save", folder / "limited.session",
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)))
    check("a file size limit", (limited.returncode, limited.stderr, list(folder.glob("limited.session*"))),
          (1, f"{folder}/limited.session: error: cannot be written: file too large\n", []))
    for at in (0, 9, 20, 24, 28, 32, 36, 40, 50, 90, 130, 140, 200, len(data) - 1):
        damaged = bytearray(data)
        damaged[at] ^= 1
        (folder / "damaged").write_bytes(damaged)
        done = run(toy, "--ids", "1", "--load", folder / "damaged")
        check(f"byte {at} is another", (done.returncode, done.stdout, done.stderr.count("error: "), done.stderr.count("\n") < 3), (1, "", 1, True))
    for size in (1, 127, 128, 200, len(data) - 1):
        (folder / "damaged").write_bytes(data[:size])
        done = run(toy, "--ids", "1", "--load", folder / "damaged")
        check(f"cut to {size} bytes", (done.returncode, done.stdout, done.stderr.count("error: ")), (1, "", 1))


def odd_inputs(toy, speaking, talk, folder):
    """What is at the edge: nothing, too much, exactly enough."""
    listed = lambda ids: ",".join(map(str, ids))
    done = run(toy, "--ids", "7,250,3", "-c", 3)
    check("a prompt that fills the context", (done.returncode, done.stdout, "is full: the answer ends here" in done.stderr),
          (0, listed(greedy([7, 250, 3], 1)) + "\n", True))
    done = run(toy, "--ids", "7,250,3", "-c", 3, "-n", 5, "--context-policy", "shift")
    check("and goes on", (done.returncode, done.stdout), (0, listed(shifting([7, 250, 3], 5, 3, 0)) + "\n"))
    check("an empty message", run(talk, "", "-n", 3, "--ids-only").stdout,
          run(talk, "--ids", listed(written_down([("user", "")])), "-n", 3, "--ids-only").stdout)
    large = folder / "large.txt"
    large.write_bytes(b"a" * (1 << 20))
    for program in (speaking, talk):
        for policy in ("stop", "shift"):
            done = run(program, "-f", large, "--context-policy", policy)
            check(f"a prompt of a megabyte, {policy}", (done.returncode, done.stdout, "does not fit" in done.stderr, done.stderr.count("\n")),
                  (1, "", True, 2))
    odd = folder / "odd.txt"
    odd.write_bytes(b"\0\xff\xfe\x80 \xed\xa0\x80 \x1b[31m")
    for program in (speaking, talk):
        done = run(program, "-f", odd, "-n", 3, "--json")
        check("bytes that are no text", (done.returncode, json.loads(done.stdout.splitlines()[-1])["new_tokens"]), (0, 3))
    # Nobody reads what would never end.
    process = subprocess.Popen([toy, "--ids", "1", "-c", "64", "--context-policy", "shift"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL)
    process.stdout.read(200)
    process.stdout.close()
    check("an endless answer and a closed pipe", (process.wait(60), process.stderr.read().count(b"error")), (0, 0))
    process = subprocess.Popen([toy, "--ids", "1", "-c", "64", "--context-policy", "shift", "--save", folder / "never"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    process.stdout.read(200)
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    check("an endless answer and an interrupt", process.wait(60) in (0, 130), True)  # 0: the pipe was noticed first
    check("leaves nothing half-written", [path.name for path in folder.glob("never.*")], [])
    # Sessions of nothing, of a prompt alone, and where a message fails.
    saved = folder / "edge"
    check("a prompt alone", run(toy, "--ids", "7,250,3", "-n", 0, "--save", saved).returncode, 0)
    check("goes on", run(toy, "--ids", "5", "-n", 4, "--load", saved).stdout, listed(greedy([7, 250, 3, 5], 4)) + "\n")
    run(speaking, "the sea", "-n", 0, "--save", saved)
    check("without a word", run(speaking, "", "-n", 9, "--ids-only", "--load", saved).stdout, run(speaking, "the sea", "-n", 9, "--ids-only").stdout)
    turns = ["-n", 5, "--ids-only", "--repeat-penalty", 3]
    on_terminal(talk, *turns, "--save", saved, "--system", "dry", say=b"refuse\n/exit\n")
    wanted = run(talk, "sea", *turns, "--system", "dry").stdout
    check("only a system message", run(talk, "sea", *turns, "--load", saved).stdout, wanted)
    on_terminal(talk, *turns, "--save", saved, "--system", "dry", say=b"sun\n/exit\n")
    shown, _ = on_terminal(talk, *turns, "--load", saved, say=b"/reset\nsea\n/exit\n")
    check("/reset keeps a saved system message", re.findall(r"^(?:> )*([\d,]+)$", shown, re.M), [wanted.strip()])
    before = saved.read_bytes()
    check("a failing run", run(talk, "fail", "--load", saved, "--save", saved).returncode, 1)
    check("leaves the saved one", saved.read_bytes() == before, True)
    (folder / "link").symlink_to(saved)
    check("by a link", run(talk, "sea", *turns, "--load", folder / "link", "--save", folder / "link").returncode, 0)
    check("which stays one", ((folder / "link").is_symlink(), saved.read_bytes() != before), (True, True))
    note = f"note: all options: {toy} --help\n"
    for arguments, message in ((["--save", "x", "--logits", "x"], "--save and --logits name the same file"),
                               (["--logprobs", "101"], "--logprobs: '101' is not a number from 0 to 100"),
                               (["--save", ""], "--save: the file's name is empty"), (["--load", ""], "--load: the file's name is empty")):
        done = run(toy, "--ids", "1", *arguments)
        check(message, (done.returncode, done.stdout, done.stderr), (2, "", f"error: {message}\n{note}"))
    shown, code = on_terminal(talk, *turns, "-c", 40, say=b"s" * 200 + b"\nsea\n/exit\n")
    check("a line past the context", (code, "does not fit: the context has 40 positions" in shown, len(re.findall(r"^(?:> )*([\d,]+)$", shown, re.M))),
          (0, True, 1))


def messages_that_fill(alone, words, context):
    messages = [("system", "dry")]
    for word in words:
        messages.append(("user", word))
        if len(written_down(messages)) > context:
            return messages
        messages.append(("assistant", bytes(map(int, alone(messages).split(","))).decode()))
    return messages


def main():
    while os.open(os.devnull, os.O_RDWR) < 3:  # as some are started: without standard descriptors
        pass
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        toy, runtime = folder / "toy", BUILD / "bin" / "llmc-runtime"
        subprocess.run([BUILD / "unittests" / "llmc-test-write-toy", toy, runtime], check=True)
        results(toy, folder)
        entry(toy, folder)
        full_context(toy)
        messages(toy, folder, runtime)
        behaviour(toy, folder)
        speaking = folder / "speaking"
        subprocess.run([BUILD / "unittests" / "llmc-test-write-toy", "--tokenizer", speaking, runtime], check=True)
        text(speaking, folder)
        talk = folder / "talk"
        subprocess.run([BUILD / "unittests" / "llmc-test-write-toy", "--chat", talk, runtime], check=True)
        chat(talk, speaking, folder)
        full_conversation(talk)
        saved_sessions(toy, speaking, talk, folder)
        odd_inputs(toy, speaking, talk, folder)
    for failure in FAILURES:
        print(failure)
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
