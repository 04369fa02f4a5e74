"""`weft devices` lists what there is, and nothing else, on any machine."""

import json
import unittest

from weft_case import WeftCase


class Devices(WeftCase):
    def test_json_ends_with_the_processor(self):
        devices = json.loads(self.assert_ok("devices", "--json"))
        self.assertEqual(devices[-1]["device"], "cpu")
        self.assertGreater(devices[-1]["cores"], 0)
        for number, adapter in enumerate(devices[:-1]):
            self.assertEqual(adapter["device"], f"gpu:{number}")
            self.assertGreater(adapter["limits"]["max_binding_bytes"], 0)

    def test_text_names_the_same_devices(self):
        text = self.assert_ok("devices")
        for device in json.loads(self.assert_ok("devices", "--json")):
            self.assertIn(f"{device['device']}  {device['name']}", text)

    def test_without_a_driver_there_is_the_processor_and_no_noise(self):
        result = self.weft("devices", VK_DRIVER_FILES="/nowhere", VK_ICD_FILENAMES="/nowhere")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.startswith("cpu  "), result.stdout)


if __name__ == "__main__":
    unittest.main()
