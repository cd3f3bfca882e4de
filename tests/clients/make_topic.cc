// Creates one topic through librdkafka's admin client and waits until every partition has a leader. kcat can only
// create with the broker's default partition count.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace weir::clients {
namespace {

constexpr int kAnswerMs = 30'000;

struct Plan {
  std::string bootstrap = "127.0.0.1:9092";
  std::string topic;
  std::vector<std::string> configs;
  int partitions = 1;
};

int usage(const char* why) {
  fmt::print(stderr, "make_topic: {}\n", why);
  return 2;
}

bool has_leaders(rd_kafka_t* handle, const Plan& plan) {
  std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> topic(
      rd_kafka_topic_new(handle, plan.topic.c_str(), nullptr), rd_kafka_topic_destroy);
  const rd_kafka_metadata_t* answer = nullptr;
  if (rd_kafka_metadata(handle, 0, topic.get(), &answer, kAnswerMs) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  const std::unique_ptr<const rd_kafka_metadata_t, void (*)(const rd_kafka_metadata_t*)> owner(
      answer, rd_kafka_metadata_destroy);
  if (answer->topic_cnt != 1 || answer->topics[0].partition_cnt != plan.partitions) return false;
  for (int i = 0; i < plan.partitions; ++i) {
    if (answer->topics[0].partitions[i].leader < 0) return false;
  }
  return true;
}

bool wait_for_leaders(rd_kafka_t* handle, const Plan& plan) {
  constexpr int kPauseMs = 10;
  for (int left = kAnswerMs / kPauseMs; left > 0; --left) {
    if (has_leaders(handle, plan)) return true;
    rd_kafka_poll(handle, kPauseMs);
  }
  return false;
}

// The error text of the answer, empty when the topic was created.
std::string create(rd_kafka_t* handle, const Plan& plan) {
  char error[256];
  std::unique_ptr<rd_kafka_NewTopic_t, void (*)(rd_kafka_NewTopic_t*)> topic(
      rd_kafka_NewTopic_new(plan.topic.c_str(), plan.partitions, 1, error, sizeof error), rd_kafka_NewTopic_destroy);
  if (!topic) return error;
  for (const auto& config : plan.configs) {
    const auto equals = config.find('=');
    if (equals == std::string::npos) return "not KEY=VALUE: " + config;
    rd_kafka_NewTopic_set_config(topic.get(), config.substr(0, equals).c_str(), config.substr(equals + 1).c_str());
  }
  std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)> queue(rd_kafka_queue_new(handle),
                                                                       rd_kafka_queue_destroy);
  auto* topics = topic.get();
  rd_kafka_CreateTopics(handle, &topics, 1, nullptr, queue.get());
  std::unique_ptr<rd_kafka_event_t, void (*)(rd_kafka_event_t*)> event(rd_kafka_queue_poll(queue.get(), kAnswerMs),
                                                                       rd_kafka_event_destroy);
  if (!event) return "no answer in time";
  const auto* const result = rd_kafka_event_CreateTopics_result(event.get());
  if (result == nullptr) return rd_kafka_event_error_string(event.get());
  std::size_t count = 0;
  const auto** const answers = rd_kafka_CreateTopics_result_topics(result, &count);
  if (count != 1) return "an answer about another count of topics";
  if (rd_kafka_topic_result_error(answers[0]) == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  const char* const text = rd_kafka_topic_result_error_string(answers[0]);
  return fmt::format("{}: {}", rd_kafka_err2name(rd_kafka_topic_result_error(answers[0])), text == nullptr ? "" : text);
}

int run(const Plan& plan) {
  char error[256];
  auto* const conf = rd_kafka_conf_new();
  if (rd_kafka_conf_set(conf, "bootstrap.servers", plan.bootstrap.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) {
    return usage(error);
  }
  const std::unique_ptr<rd_kafka_t, void (*)(rd_kafka_t*)> handle(
      rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error), rd_kafka_destroy);
  if (!handle) return usage(error);
  const auto failure = create(handle.get(), plan);
  if (!failure.empty()) return fmt::print(stderr, "make_topic: {}: {}\n", plan.topic, failure), 1;
  if (!wait_for_leaders(handle.get(), plan)) {
    return fmt::print(stderr, "make_topic: {}: no leaders in time\n", plan.topic), 1;
  }
  return 0;
}

}  // namespace
}  // namespace weir::clients

int main(int argc, char** argv) {
  weir::clients::Plan plan;
  CLI::App app{"Creates a topic"};
  app.add_option("topic", plan.topic, "its name")->required();
  app.add_option("--bootstrap", plan.bootstrap, "HOST:PORT of the broker");
  app.add_option("--partitions", plan.partitions, "how many");
  app.add_option("--config", plan.configs, "KEY=VALUE, as often as wanted");
  CLI11_PARSE(app, argc, argv);
  return weir::clients::run(plan);
}
