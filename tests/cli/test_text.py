"""`weft tokenize` and `weft template`, against what Hugging Face's packages say of the same model
(src/text/goldens)."""

import json
import pathlib
import unittest

from weft_case import WeftCase

GOLDENS = pathlib.Path(__file__).parents[2] / "src" / "text" / "goldens"


class Tokenize(WeftCase):
    def tokenize(self, *arguments, **options):
        return self.assert_ok("tokenize", "-m", self.model(), *arguments, **options)

    def test_the_default_model_agrees_with_hugging_face(self):
        goldens = json.loads((GOLDENS / "tokenizer_goldens.json").read_text(encoding="utf-8"))
        smollm2 = goldens["smollm2"]
        for text, parse, as_text in zip(goldens["texts"], smollm2["parse"], smollm2["as_text"]):
            printed = json.loads(self.tokenize("--json", "-f", "-", stdin=text))
            self.assertEqual(printed["tokens"], parse, text)
            self.assertEqual(printed["count"], len(parse))
            if as_text != parse:
                printed = json.loads(self.tokenize("--json", "--no-special", "-f", "-", stdin=text))
                self.assertEqual(printed["tokens"], as_text, text)

    def test_the_golden_prompt(self):
        ids = "504,3575,282,4649,314"
        self.assertEqual(self.tokenize("--ids", "The capital of France is"), ids + "\n")
        self.assertEqual(self.tokenize("--decode", ids), "The capital of France is\n")
        lines = self.tokenize("The capital of France is").splitlines()
        self.assertEqual(lines[1].split(maxsplit=1), ["3575", '" capital"'])

    def test_parts_of_characters_are_shown(self):
        printed = json.loads(self.tokenize("--json", "🙂"))
        self.assertIn("\ufffd", "".join(printed["pieces"]))
        ids = ",".join(map(str, printed["tokens"]))
        self.assertEqual(json.loads(self.tokenize("--json", "--decode", ids)), {"text": "🙂"})

    def test_a_file_is_read_as_it_is(self):
        path = pathlib.Path(self.temporary_folder()) / "text.txt"
        path.write_text("a\n", encoding="utf-8")
        self.assertEqual(self.tokenize("--ids", "-f", path), self.tokenize("--ids", "a\n"))
        self.assertNotEqual(self.tokenize("--ids", "-f", path), self.tokenize("--ids", "a"))

    def test_refusals(self):
        model = self.model()
        self.assert_refused(2, ["--decode"], "tokenize", "-m", model, "--decode", "1", "text")
        self.assert_refused(2, ["-f"], "tokenize", "-m", model, "text", "-f", "text.txt")
        self.assert_refused(2, ["--json"], "tokenize", "-m", model, "text", "--ids", "--json")
        self.assert_refused(1, ["99999"], "tokenize", "-m", model, "--decode", "99999")
        self.assert_refused(1, ["none.txt"], "tokenize", "-m", model, "-f", "none.txt")


class Template(WeftCase):
    def setUp(self):
        self.folder = pathlib.Path(self.temporary_folder())
        self.messages = self.write("messages.json", '[{"role": "user", "content": "Hi"}]')

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def render(self, *arguments):
        return self.assert_ok("template", "--messages", self.messages, *arguments)

    def test_of_the_default_model(self):
        goldens = json.loads((GOLDENS / "template_goldens.json").read_text(encoding="utf-8"))
        compared = 0
        for case in goldens["cases"]:
            if case["template"] != "smollm2" or case["output"] is None:
                continue
            self.messages = self.write(
                "messages.json", json.dumps(goldens["chats"][case["chat"]]["messages"])
            )
            prompt = [] if case["add_generation_prompt"] else ["--no-generation-prompt"]
            self.assertEqual(self.render("-m", self.model(), *prompt), case["output"])
            compared += 1
        self.assertGreater(compared, 3)

    def test_without_a_model(self):
        template = self.write(
            "chat.jinja",
            "{{ messages[0].content }} {{ tools | length }} {{ mood }}"
            "{% if add_generation_prompt %} >{% endif %}",
        )
        tools = self.write("tools.json", "[{}, {}]")
        arguments = ["--template-file", template, "--tools", tools, "--kwargs", '{"mood": "good"}']
        self.assertEqual(self.render(*arguments), "Hi 2 good >")
        self.assertEqual(self.render(*arguments, "--no-generation-prompt"), "Hi 2 good")

    def test_a_template_with_the_tokens_of_a_model(self):
        template = self.write("chat.jinja", "{{ bos_token }}|{{ eos_token }}")
        self.assertEqual(self.render("--template-file", template), "|")
        self.assertEqual(
            self.render("--template-file", template, "-m", self.model()),
            "<|im_start|>|<|im_end|>",
        )

    def test_refusals(self):
        template = self.write("chat.jinja", "\n{{ raise_exception('not like this') }}")
        arguments = ["template", "--template-file", template, "--messages"]
        self.assert_refused(1, ["line 2", "not like this"], *arguments, self.messages)
        self.assert_refused(1, ["messages"], *arguments, self.write("broken.json", "["))
        self.assert_refused(2, ["--messages"], "template", "--template-file", template)


if __name__ == "__main__":
    unittest.main()
