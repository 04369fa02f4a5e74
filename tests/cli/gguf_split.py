"""Splits a GGUF file as llama.cpp's gguf-split does: the first part has all keys."""

import struct

NUMBER_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY, U16, I32 = 8, 9, 2, 5


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, code):
        return struct.unpack("<" + code, self.take(struct.calcsize(code)))[0]

    def string(self):
        return self.take(self.number("Q"))

    def skip_value(self, kind):
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            element, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self.skip_value(element)
        else:
            self.take(NUMBER_BYTES[kind])


def string(text):
    return struct.pack("<Q", len(text)) + text


def split(path, folder, name, count):
    """Writes NAME-00001-of-0000N.gguf and so on into `folder`; the paths, in order."""
    reader = Reader(path.read_bytes())
    magic, n_tensors, n_keys = reader.take(8), reader.number("Q"), reader.number("Q")
    first_key = reader.at
    for _ in range(n_keys):
        reader.string()
        reader.skip_value(reader.number("I"))
    keys = reader.data[first_key : reader.at]
    tensors = []
    for _ in range(n_tensors):
        tensor_name = reader.string()
        shape = reader.data[reader.at : reader.at + 4 + 8 * struct.unpack_from("<I", reader.data, reader.at)[0]]
        reader.take(len(shape))
        tensors.append((tensor_name, shape, reader.number("I"), reader.number("Q")))
    data = reader.data[-(-reader.at // 32) * 32 :]
    ends = [offset for *_, offset in tensors[1:]] + [len(data)]
    paths = []
    for part in range(count):
        mine = [(t, data[t[3] : end]) for t, end in list(zip(tensors, ends, strict=True))[part::count]]
        own = (string(b"split.no") + struct.pack("<IH", U16, part)
               + string(b"split.count") + struct.pack("<IH", U16, count)
               + string(b"split.tensors.count") + struct.pack("<Ii", I32, n_tensors))  # fmt: skip
        head = magic + struct.pack("<QQ", len(mine), 3 + (n_keys if part == 0 else 0))
        head += (keys if part == 0 else b"") + own
        offset = 0
        for (tensor_name, shape, kind, _), content in mine:
            head += string(tensor_name) + shape + struct.pack("<IQ", kind, offset)
            offset += len(content)
        head += bytes(-len(head) % 32)
        paths.append(folder / f"{name}-{part + 1:05}-of-{count:05}.gguf")
        paths[-1].write_bytes(head + b"".join(content for _, content in mine))
    return paths
