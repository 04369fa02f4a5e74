"""`weft run` and `weft chat` with the default model on the CPU."""

import json
import math
import os
import pathlib
import pty
import select
import signal
import subprocess
import unittest

from weft_case import TIME_LIMIT_S, WeftCase

GOLDEN_PROMPT = "The capital of France is"  # llama.cpp v0.5.0 with these weights as F32, greedy
GOLDEN_TEXT = " Paris.\n\nThe answer is: 2018-01-22 12:12:53."


class ModelCase(WeftCase):
    def run_model(self, *arguments, **options):
        return self.assert_ok("run", "-m", self.model(), "--device", "cpu", *arguments, **options)

    def run_json(self, *arguments, **options):
        return json.loads(self.run_model("--json", *arguments, **options))


class Run(ModelCase):
    def test_golden_continuation(self):
        answer = self.run_json("--raw", "-p", GOLDEN_PROMPT, "-n", "32", "--temp", "0")
        self.assertEqual(answer["usage"]["prompt_tokens"], 5)
        self.assertEqual(answer["text"], GOLDEN_TEXT)
        self.assertEqual(len(answer["tokens"]), 29)
        self.assertEqual(answer["finish_reason"], "stop")

    def test_json_and_plain_text_agree(self):
        arguments = ["Name a colour.", "-n", "12", "--temp", "0"]
        answer = self.run_json(*arguments)
        self.assertEqual(self.run_model(*arguments).rstrip("\n"), answer["text"].rstrip("\n"))
        self.assertEqual(answer["usage"]["generated_tokens"], len(answer["tokens"]))
        self.assertLessEqual(len(answer["tokens"]), 12)
        self.assertGreater(answer["timings"]["prefill_s"], 0)
        self.assertEqual(answer["backend"], "cpu")

    def test_prompt_from_everywhere_is_the_same(self):
        path = pathlib.Path(self.temporary_folder()) / "prompt.txt"
        path.write_text("Name a colour.\n", encoding="utf-8")
        arguments = ["-n", "8", "--temp", "0"]
        expected = self.run_model("Name a colour.", *arguments)
        self.assertEqual(self.run_model("-p", "Name a colour.", *arguments), expected)
        self.assertEqual(self.run_model("-f", path, *arguments), expected)
        self.assertEqual(self.run_model("-f", "-", *arguments, stdin="Name a colour."), expected)
        self.assertEqual(self.run_model(*arguments, stdin="Name a colour.\n"), expected)

    def test_template_system_and_raw_change_the_prompt(self):
        def prompt_tokens(*arguments):
            return self.run_json("Hi", "-n", "1", *arguments)["usage"]["prompt_tokens"]

        self.assertEqual(prompt_tokens("--raw"), 1)
        self.assertGreater(prompt_tokens(), prompt_tokens("--raw"))
        self.assertNotEqual(prompt_tokens("--system", "Be brief."), prompt_tokens())

    def test_the_same_seed_gives_the_same_text(self):
        def text(seed):
            return self.run_json("Tell a story.", "-n", "16", "--temp", "1.5", "--seed", seed)

        self.assertEqual(text(1)["text"], text(1)["text"])
        self.assertNotEqual(text(1)["text"], text(2)["text"])
        self.assertEqual(text(7)["seed"], 7)
        self.assertNotEqual(text(-1)["seed"], text(-1)["seed"])

    def test_stop_string(self):
        arguments = ["--raw", GOLDEN_PROMPT, "-n", "8", "--temp", "0"]
        answer = self.run_json(*arguments, "--stop", "never", "--stop", "aris")
        self.assertEqual(answer["text"], " P")
        self.assertEqual((answer["finish_reason"], answer["finish_detail"]), ("stop_string", "aris"))

    def test_ignore_eos_goes_on(self):
        arguments = ["Say: yes", "-n", "100", "--temp", "0"]
        self.assertEqual(self.run_json(*arguments)["finish_reason"], "stop")
        answer = self.run_json(*arguments, "--ignore-eos")
        self.assertEqual((len(answer["tokens"]), answer["finish_reason"]), (100, "length"))

    def test_control_tokens_in_a_message_are_text(self):
        def prompt_tokens(*arguments):
            return self.run_json("-n", "1", *arguments)["usage"]["prompt_tokens"]

        said = "<|im_end|>"
        as_text = self.assert_ok("tokenize", "-m", self.model(), "--ids", "--no-special", said)
        added = prompt_tokens("Hurray" + said) - prompt_tokens("Hurray")
        self.assertEqual(added, len(as_text.split(",")))
        self.assertEqual(prompt_tokens("--raw", said), 1)

    def test_logprobs(self):
        answer = self.run_json("--raw", GOLDEN_PROMPT, "-n", "2", "--temp", "0", "--logprobs", "3")
        self.assertEqual([one["token"] for one in answer["logprobs"]], answer["tokens"])
        for one in answer["logprobs"]:
            self.assertEqual(len(one["top"]), 3)
            self.assertEqual(one["top"][0]["token"], one["token"])  # greedy
            self.assertLess(sum(math.exp(top["logprob"]) for top in one["top"]), 1)

    def test_logit_bias_forbids(self):
        arguments = ["--raw", GOLDEN_PROMPT, "-n", "1", "--temp", "0"]
        best = self.run_json(*arguments)["tokens"][0]
        other = self.run_json(*arguments, "--logit-bias", f"{best}-inf")["tokens"][0]
        self.assertNotEqual(other, best)
        chosen = self.run_json(*arguments, "--logit-bias", f"{best}-inf", "--logit-bias", "77+99")
        self.assertEqual(chosen["tokens"], [77])

    def test_every_sampling_flag_changes_something(self):
        base = ["Tell a story.", "-n", "24", "--seed", "3", "--temp", "1.3", "--top-k", "0"]
        base += ["--top-p", "1", "--min-p", "0"]
        plain = self.run_json(*base)["tokens"]
        for flag, value in [
            ("--temp", "0.2"), ("--top-k", "2"), ("--top-p", "0.2"), ("--min-p", "0.5"),
            ("--typical", "0.2"), ("--repeat-penalty", "5"), ("--presence-penalty", "9"),
            ("--frequency-penalty", "9"),
        ]:  # fmt: skip
            with self.subTest(flag):
                self.assertNotEqual(self.run_json(*base, flag, value)["tokens"], plain)
        penalty = [*base, "--repeat-penalty", "5"]
        none = self.run_json(*penalty, "--repeat-last-n", "0")["tokens"]
        self.assertEqual(none, plain)

    def test_statistics_are_printed_when_asked_for(self):
        quiet = self.weft("run", "-m", self.model(), "--device", "cpu", "Hi", "-n", "2")
        self.assertEqual(quiet.stderr, "")
        done = self.weft("run", "-m", self.model(), "--device", "cpu", "Hi", "-n", "2", "--stats")
        self.assertRegex(done.stderr, r"prompt tokens \(0 cached\), .* tok/s; 2 tokens")

    def test_a_trace_has_a_step_for_the_prompt_and_each_token(self):
        path = pathlib.Path(self.temporary_folder()) / "trace.json"
        arguments = ["--raw", "-p", GOLDEN_PROMPT, "-n", "4", "--temp", "0"]
        text = self.run_model(*arguments, "--trace", path)
        self.assertEqual(text, self.run_model(*arguments))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
        self.assertEqual([event["name"] for event in events].count("step"), 4)

    def test_context_is_a_bound(self):
        words = ["200", "32"]
        self.assert_refused(
            1, ["tokens", *words[1:]], "run", "-m", self.model(), "--device", "cpu", "-c", "32",
            "word " * 200,
        )  # fmt: skip
        answer = self.run_json("--raw", "Once", "-c", "32", "--temp", "0", "--ignore-eos")
        self.assertEqual((len(answer["tokens"]), answer["finish_reason"]), (31, "length"))
        self.assertIn("32", answer["finish_detail"])

    def test_interrupt_ends_with_130(self):
        command = [os.environ["WEFT_BINARY"], "run", "-m", self.model(), "--device", "cpu"]
        command += ["Count to a million.", "--ignore-eos"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.assertTrue(process.stdout.read(1))  # it answers
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIME_LIMIT_S)
            self.assertEqual(process.returncode, 130)


class RunRefuses(WeftCase):
    def test_wrong_command_lines(self):
        for arguments, words in [
            (["--no-such-flag", "Hi"], ["--no-such-flag"]),
            (["-n", "many", "Hi"], ["-n", "many"]),
            (["Hi", "-p", "Hello"], ["more than once"]),
            (["Hi", "-f", "/dev/null"], ["more than once"]),
            (["--raw", "--system", "Be brief.", "Hi"], ["--raw", "--system"]),
            (["--logprobs", "2", "Hi"], ["--logprobs", "--json"]),
            (["-n", "0", "Hi"], ["--n-predict", "0 tokens"]),
            (["-n", "-2", "Hi"], ["--n-predict", "-2"]),
            (["--device", "", "Hi"], ["--device"]),
            (["--cache-type-k", "q4_0", "Hi"], ["--cache-type-k", "f16 or q8_0", "'q4_0'"]),
            (["--logit-bias", "seven", "Hi"], ["--logit-bias", "seven"]),
        ]:
            with self.subTest(arguments):
                self.assert_refused(2, words, "run", *arguments)

    def test_files_that_are_not_there(self):
        self.assert_refused(1, ["/none.gguf"], "run", "-m", "/none.gguf", "Hi")
        folder = self.temporary_folder()
        self.assert_refused(1, [folder, "-m"], "run", "Hi", XDG_CACHE_HOME=folder)

    def test_prompts_that_are_none(self):
        folder = pathlib.Path(self.temporary_folder())
        (folder / "empty.txt").write_text("\n", encoding="utf-8")
        self.assert_refused(1, ["empty"], "run", "")
        self.assert_refused(1, ["empty"], "run", "-f", folder / "empty.txt")
        self.assert_refused(1, ["empty"], "run", "--raw", "", "-m", self.model(), "--device", "cpu")
        self.assert_refused(1, [f"'{folder}' is a folder"], "run", "-f", folder)
        self.assert_refused(1, ["none.txt"], "run", "-f", folder / "none.txt")

    def test_bytes_that_are_not_utf8_are_a_prompt(self):
        path = pathlib.Path(self.temporary_folder()) / "prompt.txt"
        path.write_bytes(b"Name a \xff colour.")
        for raw in [[], ["--raw"]]:
            arguments = ["-m", self.model(), "--device", "cpu", "-f", path, "-n", "2", *raw]
            self.assert_ok("run", *arguments)

    def test_a_parameter_out_of_range(self):
        model = ["-m", self.model(), "--device", "cpu"]
        self.assert_refused(1, ["top_p", "1.5"], "run", *model, "--top-p", "1.5", "Hi")
        self.assert_refused(1, ["no such GPU"], "run", "-m", self.model(), "--device",
                            "no such GPU", "Hi")  # fmt: skip


class Chat(ModelCase):
    def chat(self, *lines, arguments=()):
        return self.assert_ok(
            "chat", "-m", self.model(), "--device", "cpu", "--temp", "0", "-n", "16", *arguments,
            stdin="".join(f"{line}\n" for line in lines),
        )  # fmt: skip

    def test_turns_build_on_each_other_and_keep_the_cache(self):
        output = self.chat("My name is Ada, and I like rivers.", "What is my name?", "/stats")
        stats = output.splitlines()[-1]
        self.assertRegex(stats, r"^\d+ prompt tokens \((32|64) cached\)")

    def test_clear_forgets(self):
        answer = self.chat("Name a colour.")
        self.assertEqual(self.chat("Hello!", "/clear", "Name a colour.")[-len(answer) :], answer)

    def test_save_and_load(self):
        path = pathlib.Path(self.temporary_folder()) / "chat.json"
        self.chat("/system Be brief.", "Name a colour.", f"/save {path}")
        messages = json.loads(path.read_text(encoding="utf-8"))
        self.assertEqual([m["role"] for m in messages], ["system", "user", "assistant"])
        self.assertEqual(messages[0]["content"], "Be brief.")
        again = path.with_name("again.json")
        self.chat(f"/load {path}", f"/save {again}")
        self.assertEqual(json.loads(again.read_text(encoding="utf-8")), messages)

    def test_what_fails_does_not_end_it(self):
        path = pathlib.Path(self.temporary_folder()) / "other.json"
        path.write_text('[{"role": 1}]', encoding="utf-8")
        done = self.weft(
            "chat", "-m", self.model(), "--device", "cpu",
            stdin=f"/nonsense\n/save\n/load {path}\n/load /none\n/help\n",
        )  # fmt: skip
        self.assertEqual(done.returncode, 0)
        for word in ["/nonsense", "/save", str(path), "/none"]:
            self.assertIn(word, done.stderr)
        self.assertIn("/clear", done.stdout)

    def test_ctrl_c_stops_the_answer_and_not_the_program(self):
        command = [os.environ["WEFT_BINARY"], "chat", "-m", self.model(), "--device", "cpu"]
        command += ["--ignore-eos", "--temp", "0"]  # else an answer may lack the space awaited below
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ["XDG_CACHE_HOME"] = self.temporary_folder()
            os.execv(command[0], command)
        seen = bytearray()

        def expect(words):
            """Reads the terminal until `words` have come, and forgets all up to their end."""
            while words not in seen:
                self.assertTrue(select.select([terminal], [], [], TIME_LIMIT_S)[0], bytes(seen))
                seen.extend(os.read(terminal, 4096))
            del seen[: seen.index(words) + len(words)]

        try:
            expect(b"> ")
            os.write(terminal, b"Count.\r")
            expect(b"\n")  # the echo; then the answer begins
            expect(b" ")
            os.write(terminal, b"\x03")
            expect(b"\n> ")
            os.write(terminal, b"/stats\r")
            expect(b"; cancel")
            expect(b"> ")
            os.write(terminal, b"/exit\r")
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        finally:
            os.close(terminal)


class Completion(WeftCase):
    def test_scripts_name_commands_and_flags(self):
        for shell in ["bash", "zsh", "fish"]:
            script = self.assert_ok("completion", shell)
            for word in ["chat", "min-p", "ctx-size"]:
                self.assertIn(word, script, shell)
        self.assert_refused(2, ["csh"], "completion", "csh")

    def test_bash_completes(self):
        def complete(*words):
            script = (
                'eval "$("$WEFT_BINARY" completion bash)"; COMP_WORDS=("$@"); '
                'COMP_CWORD=$(($# - 1)); _weft; echo "${COMPREPLY[@]}"'
            )
            command = ["bash", "-c", script, "bash", *words]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

        self.assertEqual(complete("weft", "ch"), ["chat"])
        self.assertEqual(complete("weft", "run", "--min"), ["--min-p"])


if __name__ == "__main__":
    unittest.main()
