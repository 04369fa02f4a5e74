#include "text/stream_decoder.h"

#include <gtest/gtest.h>

namespace weft::text {
namespace {

using LeadingSpace = StreamDecoder::LeadingSpace;

// Each byte as a token of its own.
std::string byte_by_byte(std::string_view bytes) {
  StreamDecoder decoder;
  std::string text;
  for (const char byte : bytes) text += decoder.push({&byte, 1});
  return text + decoder.finish();
}

TEST(StreamDecoder, HoldsBackHalfACharacter) {
  StreamDecoder decoder;
  EXPECT_EQ(decoder.push("a\xE2\x82"), "a");
  EXPECT_EQ(decoder.push("\xAC"), "€");
  EXPECT_EQ(decoder.push("\xF0\x9F"), "");
  EXPECT_EQ(decoder.push("\x99\x82!"), "🙂!");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, EveryCharacterComesOutWhole) {
  const std::string_view text = "a\u007F\u0080\u07FF\u0800\uD7FF\uE000\uFFFF\U00010000\U0010FFFF";
  EXPECT_EQ(byte_by_byte(text), text);
}

TEST(StreamDecoder, AnEndWithinACharacterIsOneReplacement) {
  StreamDecoder decoder;
  EXPECT_EQ(decoder.push("x\xF0\x9F\x99"), "x");
  EXPECT_EQ(decoder.finish(), "\uFFFD");
  EXPECT_EQ(decoder.finish(), "");
}

// The examples of the Unicode standard, version 15, tables 3-8 to 3-11.
TEST(StreamDecoder, ReplacesMaximalSubparts) {
  const std::string r = "\uFFFD";
  EXPECT_EQ(byte_by_byte("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(byte_by_byte("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(byte_by_byte("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(byte_by_byte("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
}

TEST(StreamDecoder, StripsOneSpaceOfTheFirstTokenOnly) {
  StreamDecoder decoder(LeadingSpace::strip);
  EXPECT_EQ(decoder.push(""), "");
  EXPECT_EQ(decoder.push("  a"), " a");
  EXPECT_EQ(decoder.push(" b"), " b");
  StreamDecoder without(LeadingSpace::strip);
  EXPECT_EQ(without.push("a"), "a");
  EXPECT_EQ(without.push(" b"), " b");
  EXPECT_EQ(StreamDecoder().push(" a"), " a");
}

}  // namespace
}  // namespace weft::text
