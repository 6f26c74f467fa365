#!/usr/bin/env python3
"""check_messages.py finds each kind of fault that it is there for."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_messages  # noqa: E402
import compile_messages  # noqa: E402


class CheckMessages(unittest.TestCase):
    def check(self, source, catalogue):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "src").mkdir()
            (root / "i18n" / "zh").mkdir(parents=True)
            (root / "src" / "a.cc").write_text(source, encoding="utf-8")
            (root / "i18n" / "zh" / "a.toml").write_text(catalogue, encoding="utf-8")
            declaration = "Error Err(ErrorCode code, MessageTemplate message, const Args&... args);"
            (root / "src" / "result.h").write_text(declaration, encoding="utf-8")
            problems, _ = check_messages.check(root)
            return problems

    def test_a_complete_catalogue_has_no_problem(self):
        source = 'return Err(ErrorCode::kIo, "no {} in {}", f(a, "x"), b); // Err(k, "not code")\n'
        self.assertEqual(self.check(source, '"no {} in {}" = "{1} 中没有 {0}"\n'), [])

    def test_a_text_without_chinese_form_is_a_problem(self):
        self.assertIn("no Chinese form of 'lost'", self.check('Err(k, "lost");', "")[0])

    def test_an_entry_used_nowhere_is_a_problem(self):
        self.assertIn("used nowhere", self.check("", '"gone" = "没有了"')[0])

    def test_other_placeholders_are_a_problem(self):
        self.assertIn("placeholders", self.check('Err(k, "a {} {}", 1, 2);', '"a {} {}" = "甲 {}"')[0])

    def test_literals_across_lines_are_one_text(self):
        self.assertEqual(self.check('Err(k,\n "one "\n  "two\\"");', "'one two\"' = '一二'"), [])

    def test_raw_literals_and_markers_are_texts(self):
        source = 'UserText(R"(a "b")"); Tr("c", language);'
        self.assertEqual(len(self.check(source, "")), 2)

    def test_wrappers_are_found_by_their_declaration(self):
        source = 'Error Fail(MessageTemplate message, int at);\nFail("broken", 3);'
        self.assertIn("broken", self.check(source, "")[0])

    def test_a_dotted_key_left_bare_is_a_problem(self):
        self.assertIn("quoted", self.check("", 'a.b = "甲"')[0])


class CompileMessages(unittest.TestCase):
    def test_a_literal_survives_digits_and_quotes(self):
        self.assertEqual(compile_messages.literal('é1"\\?'), '"\\303\\2511\\042\\134\\077"')


if __name__ == "__main__":
    unittest.main()
