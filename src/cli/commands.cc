#include "cli/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "config/settings_table.h"
#include "config/suggest.h"

namespace weir::cli {
namespace {

// Shown before everything else in a command's help.
constexpr std::string_view kTopExamples =
    R"(Examples:
  weir serve                              a broker on 127.0.0.1:9092, data in ./weir-data
  weir serve --config weir.yaml           the same with settings from a file
  weir config template > weir.yaml        every setting with its default
  weir config check --config weir.yaml    what is wrong with a file
)";

constexpr std::string_view kServeExamples =
    R"(Examples:
  weir serve
  weir serve --data /var/lib/weir --listen 0.0.0.0:9092
  weir serve --config weir.yaml --set num.partitions=6 --set weir.durability=page-cache
  weir serve --listen 127.0.0.1:0 --http off    a free port, told by the ready line

Settings: defaults, then the file, then --set, then the other options.
Exit codes: 0 stopped cleanly by SIGTERM or SIGINT; 1 the configuration is wrong (the reasons are on standard error,
one a line) or the broker could not go on; 2 the command line is wrong.
)";

constexpr std::string_view kVersionExamples = R"(Examples:
  weir version
)";

constexpr std::string_view kConfigExamples = R"(Examples:
  weir config template > weir.yaml
  weir config check --config weir.yaml
)";

constexpr std::string_view kTemplateExamples = R"(Examples:
  weir config template > weir.yaml
)";

constexpr std::string_view kCheckExamples = R"(Examples:
  weir config check --config weir.yaml
  weir config check --config weir.yaml --set log.segment.bytes=1048576

Exit codes: 0 serve would start with it; 1 it is wrong (the reasons are on standard error, one a line); 2 the command
line is wrong.
)";

// CLI11 prints what it calls the footer last; our examples are there and come first.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    return app->get_footer() + '\n' + app->get_description() + '\n';
  }
  std::string make_footer(const CLI::App*) const override { return {}; }
};

CLI::App* add_command(CLI::App& parent, std::string_view name, std::string_view summary, std::string_view examples) {
  auto* command = parent.add_subcommand(std::string(name), std::string(summary));
  command->footer(std::string(examples));
  return command;
}

// The options that say where settings come from.
struct SettingOptions {
  std::optional<std::string> file;
  std::optional<std::string> data;
  std::optional<std::string> listen;
  std::optional<std::string> http;
  std::vector<std::string> assignments;
  bool allow_unknown = false;

  [[nodiscard]] config::LoadRequest to_request() const {
    config::LoadRequest request{.file = file, .assignments = {}, .allow_unknown = allow_unknown};
    for (const auto& assignment : assignments) request.assignments.push_back({.text = assignment});
    // The options of their own are the strongest: they can't have been meant for anybody else.
    if (data) request.assignments.push_back({.text = "log.dirs=" + *data, .place = "--data"});
    if (listen) request.assignments.push_back({.text = "listeners=PLAINTEXT://" + *listen, .place = "--listen"});
    if (http) request.assignments.push_back({.text = "weir.http.listen=" + *http, .place = "--http"});
    return request;
  }
};

void add_assignments(CLI::App& command, SettingOptions& options) {
  command.add_option("--set", options.assignments, "One setting; may be repeated, the last of a key counts")
      ->option_text("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_flag("--allow-unknown", options.allow_unknown, "Warn about unknown settings instead of refusing them");
}

void add_serve_options(CLI::App& command, SettingOptions& options) {
  command.add_option("--config", options.file, "Settings from a YAML file")->option_text("FILE");
  command.add_option("--data", options.data, "Directory of logs and metadata (log.dirs)")
      ->option_text("DIR")
      ->check([](const std::string& directory) { return directory.empty() ? "a directory is missing" : ""; });
  command.add_option("--listen", options.listen, "Where clients connect (listeners=PLAINTEXT://HOST:PORT)")
      ->option_text("HOST:PORT");
  command.add_option("--http", options.http, "The HTTP port (weir.http.listen)")->option_text("HOST:PORT|off");
  add_assignments(command, options);
}

// Prints what is wrong, one a line.
std::optional<config::LoadedConfig> load(const SettingOptions& options, std::ostream& err) {
  auto loaded = config::load_config(options.to_request());
  if (loaded.has_value()) return *std::move(loaded);
  for (const auto& line : loaded.error()) err << line << '\n';
  return std::nullopt;
}

int serve(const SettingOptions& options, const Outside& outside) {
  const auto loaded = load(options, outside.err);
  if (!loaded.has_value()) return kExitFailed;
  set_log_level(loaded->settings.weir_log_level);
  for (const auto& warning : loaded->warnings) log_warn("{}", warning);
  return outside.serve(*loaded);
}

int check(const SettingOptions& options, const Outside& outside) {
  const auto loaded = load(options, outside.err);
  if (!loaded.has_value()) return kExitFailed;
  for (const auto& warning : loaded->warnings) outside.err << "warning: " << warning << '\n';
  outside.out << options.file.value_or("") << ": ok\n";
  return kExitOk;
}

// The nearest command when the first words name none; CLI11 itself only says that something was not expected.
std::optional<std::string> command_complaint(int argc, const char* const* argv) {
  constexpr std::array<std::string_view, 3> kCommands = {"serve", "version", "config"};
  constexpr std::array<std::string_view, 2> kConfigCommands = {"template", "check"};
  const auto complain = [](std::string_view word, std::span<const std::string_view> known,
                           std::string_view before) -> std::optional<std::string> {
    if (word.empty() || word.starts_with('-') || std::ranges::find(known, word) != known.end()) return std::nullopt;
    const auto meant = config::nearest(word, known);
    const auto hint = meant.has_value() ? fmt::format("; did you mean '{}{}'?", before, *meant) : std::string();
    return fmt::format("there is no command '{}{}'{}", before, word, hint);
  };
  if (argc < 2) return std::nullopt;
  if (auto text = complain(argv[1], kCommands, "weir "); text.has_value()) return text;
  if (argc < 3 || std::string_view(argv[1]) != "config") return std::nullopt;
  return complain(argv[2], kConfigCommands, "weir config ");
}

int usage_error(const Outside& outside, std::string_view what) {
  outside.err << "weir: " << what << "\nTry: weir --help\n";
  return kExitUsage;
}

}  // namespace

int run(int argc, const char* const* argv, const Outside& outside) {
  if (const auto complaint = command_complaint(argc, argv); complaint.has_value()) {
    return usage_error(outside, *complaint);
  }
  CLI::App app{"Weir: a Kafka-compatible event streaming broker in one process.", "weir"};
  app.formatter(std::make_shared<ExamplesFirst>());
  app.footer(std::string(kTopExamples));
  app.require_subcommand(1);
  app.set_version_flag("--version", "weir " WEIR_VERSION);

  SettingOptions options;
  auto* serve_command = add_command(app, "serve", "Run the broker", kServeExamples);
  add_serve_options(*serve_command, options);
  const auto* version_command = add_command(app, "version", "Print the version", kVersionExamples);
  auto* config_command = add_command(app, "config", "Write and check configuration files", kConfigExamples);
  config_command->require_subcommand(1);
  const auto* template_command =
      add_command(*config_command, "template", "Print a file with every setting and its default", kTemplateExamples);
  auto* check_command =
      add_command(*config_command, "check", "Say what serve would say about a file, and start nothing", kCheckExamples);
  check_command->add_option("--config", options.file, "The file to check")->option_text("FILE")->required();
  add_assignments(*check_command, options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version arrive this way too, with code 0.
    if (error.get_exit_code() == 0) return app.exit(error, outside.out, outside.err);
    return usage_error(outside, error.what());
  }
  if (serve_command->parsed()) return serve(options, outside);
  if (check_command->parsed()) return check(options, outside);
  if (version_command->parsed()) outside.out << "weir " WEIR_VERSION "\n";
  if (template_command->parsed()) outside.out << config::settings_template();
  return kExitOk;
}

}  // namespace weir::cli
