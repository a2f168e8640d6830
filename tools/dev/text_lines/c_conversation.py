# c_conversation.py - lines about chat templates and conversations: Jinja2's text, transformers' ids, full contexts, saved sessions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import re

from . import Line, tested
from first_slice.bench import DEV, REPOSITORY
from models import llama_cpp


def templates(bench):
    places = [REPOSITORY / "test" / "runtime" / "text" / "templates", bench.shared / "testdata",
              llama_cpp.source(bench.peer or bench.work) / "models" / "templates", *bench.templates]
    done = bench.run(bench.python, DEV / "check-templates", "--render", bench.build / "unittests" / "llmc-render-chat",
                     *[place for place in places if place.exists()], limit=900, status=None)
    last = (done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["nothing"])[-1]
    counts = re.match(r"(\d+) templates, (\d+) conversations: .* (\d+) differ$", last)
    yield Line("chat templates: 40 published ones × 12 conversations, text as Jinja2's under transformers", last,
               bool(counts) and int(counts[1]) >= 40 and int(counts[2]) >= 12 and counts[3] == "0")
    yield tested(bench, "a template that loops forever or asks for an unknown filter is refused with a message",
                 r"(ChatTemplateTest|error\.chat-template|e2e\.chat-template)", 10)


def conversation(bench):
    smollm2 = bench.smollm2 or bench.model("smollm2-135m")
    done = bench.run("/usr/bin/python3", "-B", REPOSITORY / "test" / "e2e" / "check_conversation.py", limit=600, status=None,
                     env={**os.environ, "LLMC_BUILD": str(bench.build), "LLMC_SMOLLM2": str(smollm2)})
    yield Line("smollm2-135m, five turns: ids of Hugging Face transformers turn by turn; later turns compute only their own tokens",
               done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "no answer", done.returncode == 0)


def sessions(bench):
    yield tested(bench, "a full context is announced and handled; saved sessions go on bit for bit; Ctrl-C ends an answer, twice the program",
                 r"(^runtime-runner$|SavedSequenceTest|CApiTest\.(AShift|APromptMay|ASaved))", 9)


LINES = [templates, conversation, sessions]
