#include "base/result.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "base/check.h"
#include "base/published.h"
#include "base/strong_int.h"

namespace weir {
namespace {

TEST(Error, SaysWhatFailedAndWhatTheSystemSaid) {
  EXPECT_EQ(to_string(Error{Errc::kCorrupt, "segment 7: bad magic"}), "corrupt: segment 7: bad magic");
  const Result<int> failed = fail_errno(ENOSPC, "write segment 7");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::kNoSpace);
  EXPECT_EQ(failed.error().os_errno, ENOSPC);
  EXPECT_EQ(to_string(failed.error()), "no space: write segment 7: No space left on device");
}

TEST(Error, MapsSystemErrorsByWhatACallerCanDo) {
  const std::pair<int, Errc> cases[] = {
      {EDQUOT, Errc::kNoSpace},      {ENOENT, Errc::kNotFound}, {EEXIST, Errc::kAlreadyExists},
      {EROFS, Errc::kReadOnly},      {EIO, Errc::kIo},          {EMFILE, Errc::kTooManyFiles},
      {ENFILE, Errc::kTooManyFiles}, {EADDRINUSE, Errc::kBusy}};
  for (const auto& [number, code] : cases) EXPECT_EQ(fail_errno(number, "").error().code, code) << number;
}

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Errc::kInvalidArgument, "odd");
  return number / 2;
}

Result<int> quarter(int number) {
  WEIR_TRY(half(number));
  WEIR_TRY_ASSIGN(first, half(number));
  return half(first);
}

TEST(WeirTry, ReturnsTheFirstError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_FALSE(quarter(7));
  EXPECT_EQ(quarter(6).error().context, "odd");
}

TEST(Check, EndsTheProcessWithTheMessage) {
  EXPECT_DEATH(CHECK(1 + 1 == 3, "sum is {}", 2), "1 \\+ 1 == 3.*sum is 2");
  CHECK(true, "not reached");
}

TEST(StrongInt, CountsAndCompares) {
  using Meters = StrongInt<struct MetersTag, std::int64_t>;
  Meters at{5};
  EXPECT_EQ((at + 3).value(), 8);
  EXPECT_EQ(Meters{9} - at, 4);
  EXPECT_LT(at, ++Meters{at});
  EXPECT_EQ(fmt::format("{}", at), "5");
}

TEST(Published, GivesEveryReaderTheNewestSnapshot) {
  Published<std::string> published;
  EXPECT_EQ(published.get(), nullptr);
  published.publish(std::make_shared<const std::string>("one"));
  const auto old = published.get();
  published.publish(std::make_shared<const std::string>("two"));
  EXPECT_EQ(*old, "one");
  EXPECT_EQ(*published.get(), "two");
}

}  // namespace
}  // namespace weir
