// Kafka's own Java client for the disk suite: one command a line on standard input, one JSON object a line back. It
// lives as long as a scenario, so that a producer can outlive a change of broker.
//
//   observe BOOTSTRAP ISOLATION     topics, ids, offsets and a digest of every record, as the broker tells them
//   settings BOOTSTRAP              dynamic configs, quotas, SCRAM users, finalized features (Apache Kafka only)
//   groups BOOTSTRAP                committed offsets (Apache Kafka only)
//   fill BOOTSTRAP SEED TRANSACTIONS(yes|no)   topics of every kind with records in them
//   more BOOTSTRAP SEED             records into the topics that are there, one topic made, one deleted
//   begin BOOTSTRAP                 the one topic that survivor wants
//   survivor BOOTSTRAP COUNT        COUNT more records from the one idempotent producer that is never closed
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class DiskClient {
  private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};
  private static final int SECONDS_MAX = 60;
  private static final int OPEN_TRANSACTION_MS = 900_000;  // the longest that Kafka allows: still open at the end
  private static final String SURVIVOR_TOPIC = "survivor";
  private static final String SQUEEZED_TOPIC = "squeezed";

  // Never closed: an open transaction stays open, the survivor goes on with the next broker.
  private static final List<KafkaProducer<byte[], byte[]>> open = new ArrayList<>();
  private static KafkaProducer<byte[], byte[]> survivor;
  private static int survivorSent;

  public static void main(String[] arguments) throws Exception {
    var json = new ObjectMapper();
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      Map<String, Object> answer;
      try {
        answer = run(line.trim().split(" "));
      } catch (Exception error) {
        error.printStackTrace();
        Throwable cause = error.getCause() == null ? error : error.getCause();
        answer = Map.of("error", line + ": " + cause);
      }
      System.out.println(json.writeValueAsString(answer));
    }
    System.exit(0);  // an open producer keeps threads
  }

  private static Map<String, Object> run(String[] words) throws Exception {
    return switch (words[0]) {
      case "observe" -> observe(words[1], words[2]);
      case "leaderless" -> leaderless(words[1]);
      case "settings" -> settings(words[1]);
      case "groups" -> groups(words[1]);
      case "fill" -> fill(words[1], Long.parseLong(words[2]), words[3].equals("yes"));
      case "more" -> more(words[1], Long.parseLong(words[2]));
      case "begin" -> begin(words[1]);
      case "survivor" -> survivor(words[1], Integer.parseInt(words[2]));
      default -> throw new IllegalArgumentException("no such command");
    };
  }

  // --- reading

  private static Map<String, Object> observe(String bootstrap, String isolation) throws Exception {
    var topics = new TreeMap<String, Object>();
    try (var admin = admin(bootstrap); var consumer = consumer(bootstrap, isolation)) {
      for (TopicDescription topic : describe(admin)) {
        var partitions = new TreeMap<String, Object>();
        for (var partition : topic.partitions()) {
          var of = new TopicPartition(topic.name(), partition.partition());
          partitions.put(String.valueOf(of.partition()), read(consumer, of));
        }
        topics.put(topic.name(), Map.of("id", topic.topicId().toString(), "partitions", partitions));
      }
    }
    return Map.of("topics", topics);
  }

  private static Map<String, Object> leaderless(String bootstrap) throws Exception {
    try (var admin = admin(bootstrap)) {
      var found = new ArrayList<String>();
      for (TopicDescription topic : describe(admin)) {
        for (var partition : topic.partitions()) {
          if (partition.leader() == null) found.add(topic.name() + "-" + partition.partition());
        }
      }
      return Map.of("partitions", found);
    }
  }

  private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String isolation) {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("isolation.level", isolation);
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "none");
    return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static Collection<TopicDescription> describe(Admin admin) throws Exception {
    var names = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
    return new TreeMap<>(admin.describeTopics(names).allTopicNames().get()).values();
  }

  private static Map<String, Object> read(KafkaConsumer<byte[], byte[]> consumer, TopicPartition of) throws Exception {
    consumer.assign(List.of(of));
    long begin = consumer.beginningOffsets(List.of(of)).get(of);
    long end = consumer.endOffsets(List.of(of)).get(of);
    consumer.seek(of, begin);
    var digest = MessageDigest.getInstance("SHA-256");
    long count = 0;
    long deadline = System.nanoTime() + Duration.ofSeconds(SECONDS_MAX).toNanos();
    while (consumer.position(of) < end) {
      if (System.nanoTime() > deadline) throw new IllegalStateException(of + ": stuck at " + consumer.position(of));
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
        if (record.offset() >= end) continue;
        count += 1;
        add(digest, record);
      }
    }
    return new TreeMap<>(Map.of("begin", begin, "end", end, "records", count,
        "sha256", HexFormat.of().formatHex(digest.digest(), 0, 8)));
  }

  private static void add(MessageDigest digest, ConsumerRecord<byte[], byte[]> record) {
    digest.update(ByteBuffer.allocate(16).putLong(record.offset()).putLong(record.timestamp()).array());
    addPart(digest, record.key());
    addPart(digest, record.value());
    for (Header header : record.headers()) {
      addPart(digest, header.key().getBytes(StandardCharsets.UTF_8));
      addPart(digest, header.value());
    }
  }

  private static void addPart(MessageDigest digest, byte[] part) {
    digest.update(ByteBuffer.allocate(4).putInt(part == null ? -1 : part.length).array());
    if (part != null) digest.update(part);
  }

  private static Map<String, Object> settings(String bootstrap) throws Exception {
    var result = new TreeMap<String, Object>();
    try (var admin = admin(bootstrap)) {
      var resources = new ArrayList<ConfigResource>();
      for (TopicDescription topic : describe(admin)) {
        resources.add(new ConfigResource(ConfigResource.Type.TOPIC, topic.name()));
      }
      resources.add(new ConfigResource(ConfigResource.Type.BROKER, ""));
      resources.add(new ConfigResource(ConfigResource.Type.BROKER, "1"));
      resources.add(new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "watch"));
      resources.add(new ConfigResource(ConfigResource.Type.GROUP, "readers"));
      for (var entry : admin.describeConfigs(resources).all().get().entrySet()) {
        var own = new TreeMap<String, String>();
        for (ConfigEntry config : entry.getValue().entries()) {
          if (isOwn(entry.getKey(), config)) own.put(config.name(), String.valueOf(config.value()));
        }
        result.put("config " + entry.getKey(), own);
      }
      var quotas = new TreeMap<String, Object>();
      admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get()
          .forEach((entity, values) -> quotas.put(new TreeMap<>(entity.entries()).toString(), new TreeMap<>(values)));
      result.put("quotas", quotas);
      var users = new TreeMap<String, String>();
      admin.describeUserScramCredentials().all().get()
          .forEach((name, user) -> users.put(name, user.credentialInfos().toString()));
      result.put("scram", users);
      var features = new TreeMap<String, Integer>();
      admin.describeFeatures().featureMetadata().get().finalizedFeatures()
          .forEach((name, range) -> features.put(name, (int) range.maxVersionLevel()));
      result.put("features", features);
    }
    return result;
  }

  // A topic's answer holds the brokers' dynamic settings too.
  private static boolean isOwn(ConfigResource resource, ConfigEntry config) {
    return resource.type() == ConfigResource.Type.TOPIC
        ? config.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG
        : config.source().name().startsWith("DYNAMIC");
  }

  private static Map<String, Object> groups(String bootstrap) throws Exception {
    var result = new TreeMap<String, Object>();
    try (var admin = admin(bootstrap)) {
      for (var group : admin.listGroups().all().get()) {
        var offsets = new TreeMap<String, Long>();
        admin.listConsumerGroupOffsets(group.groupId()).partitionsToOffsetAndMetadata().get()
            .forEach((of, offset) -> offsets.put(of.toString(), offset.offset()));
        result.put(group.groupId(), offsets);
      }
    }
    return result;
  }

  // --- writing

  private static Map<String, Object> fill(String bootstrap, long seed, boolean transactions) throws Exception {
    var random = new Random(seed);
    try (var admin = admin(bootstrap)) {
      create(admin, "codecs", 3, Map.of());
      create(admin, "segments", 2, Map.of("segment.bytes", "1048576", "index.interval.bytes", "1024"));
      create(admin, "compacted", 1, Map.of("cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.9"));
      create(admin, "again", 2, Map.of("retention.ms", "600000"));
      create(admin, "gone", 2, Map.of());
      create(admin, "empty", 1, Map.of());
      create(admin, SURVIVOR_TOPIC, 1, Map.of());
      for (String codec : CODECS) {
        for (int partition = 0; partition < 3; ++partition) produce(bootstrap, codec, "codecs", partition, 200, 300, random);
      }
      for (int partition = 0; partition < 2; ++partition) {
        produce(bootstrap, "none", "segments", partition, 3000, 1000, random);
        produce(bootstrap, "lz4", "segments", partition, 1000, 1000, random);
      }
      produce(bootstrap, "none", "compacted", 0, 500, 100, random);
      for (String topic : new String[] {"again", "gone"}) produce(bootstrap, "zstd", topic, 0, 100, 100, random);
      // Made anew under the same name: another id, offsets from 0.
      admin.deleteTopics(List.of("again", "gone")).all().get();
      create(admin, "again", 2, Map.of("retention.ms", "1200000"));
      produce(bootstrap, "gzip", "again", 1, 50, 100, random);
      survivor(bootstrap, 100);
      if (transactions) {
        alterEverything(admin);
        squeeze(bootstrap, admin, random);
        transactions(bootstrap, random);
        commitOffsets(bootstrap);
      }
    }
    return Map.of("filled", seed);
  }

  // A topic that the cleaner has gone over: offsets are missing within its segments and between them. It is told to rest
  // afterwards, so that the next broker finds what this one shows.
  private static void squeeze(String bootstrap, Admin admin, Random random) throws Exception {
    create(admin, SQUEEZED_TOPIC, 1, Map.of("cleanup.policy", "compact", "segment.bytes", "1048576",
        "index.interval.bytes", "1048576", "min.cleanable.dirty.ratio", "0.01"));
    var sent = new ArrayList<Future<RecordMetadata>>();
    try (var producer = producer(bootstrap, Map.of("compression.type", "none"))) {
      for (int i = 0; i < 6000; ++i) {
        var key = String.valueOf(random.nextInt(i % 700 == 0 ? 1_000_000 : 50)).getBytes(StandardCharsets.UTF_8);
        sent.add(producer.send(new ProducerRecord<>(SQUEEZED_TOPIC, 0, key, new byte[1 + random.nextInt(1500)])));
      }
    }
    for (var one : sent) one.get();
    long deadline = System.nanoTime() + Duration.ofSeconds(SECONDS_MAX).toNanos();
    long before = -1;
    for (long count = count(bootstrap); count == 6000 || count != before; count = count(bootstrap)) {
      if (System.nanoTime() > deadline) throw new IllegalStateException("the cleaner left " + count + " of 6000 records");
      before = count;
      Thread.sleep(1000);
    }
    admin.incrementalAlterConfigs(Map.of(resource(ConfigResource.Type.TOPIC, SQUEEZED_TOPIC),
        List.of(set("min.cleanable.dirty.ratio", "1.0")))).all().get();
  }

  private static long count(String bootstrap) throws Exception {
    try (var consumer = consumer(bootstrap, "read_uncommitted")) {
      return (long) read(consumer, new TopicPartition(SQUEEZED_TOPIC, 0)).get("records");
    }
  }

  private static Map<String, Object> more(String bootstrap, long seed) throws Exception {
    var random = new Random(seed);
    try (var admin = admin(bootstrap)) {
      String[] topics = {"codecs", "segments", "compacted", "again", "empty"};
      for (int i = 0; i < topics.length; ++i) {
        produce(bootstrap, CODECS[(int) ((seed + i) % CODECS.length)], topics[i], 0, 1500, 700, random);
      }
      if (admin.listTopics().names().get().contains("transactions")) {
        produce(bootstrap, "none", "transactions", 0, 20, 100, random);
      }
      create(admin, "made-" + seed, 2, Map.of("segment.bytes", "2097152", "cleanup.policy", "compact,delete"));
      produce(bootstrap, "snappy", "made-" + seed, 1, 100, 100, random);
      create(admin, "short-lived-" + seed, 1, Map.of());
      produce(bootstrap, "none", "short-lived-" + seed, 0, 10, 100, random);
      admin.deleteTopics(List.of("short-lived-" + seed)).all().get();
    }
    return Map.of("more", seed);
  }

  private static Map<String, Object> begin(String bootstrap) throws Exception {
    try (var admin = admin(bootstrap)) {
      create(admin, SURVIVOR_TOPIC, 1, Map.of());
    }
    return Map.of();
  }

  private static Map<String, Object> survivor(String bootstrap, int count) throws Exception {
    if (survivor == null) survivor = producer(bootstrap, Map.of("compression.type", "lz4"));
    var sent = new ArrayList<Future<RecordMetadata>>();
    for (int i = 0; i < count; ++i) {
      var value = ByteBuffer.allocate(4).putInt(survivorSent++).array();
      sent.add(survivor.send(new ProducerRecord<>(SURVIVOR_TOPIC, 0, null, value)));
    }
    survivor.flush();
    long last = -1;
    for (var one : sent) last = one.get().offset();
    return Map.of("sent", survivorSent, "last", last);
  }

  private static void create(Admin admin, String name, int partitions, Map<String, String> configs) throws Exception {
    admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(configs))).all().get();
  }

  private static void alterEverything(Admin admin) throws Exception {
    var alterations = Map.<ConfigResource, Collection<AlterConfigOp>>of(
        resource(ConfigResource.Type.TOPIC, "codecs"), List.of(set("max.message.bytes", "900000"), set("retention.ms", "86400000")),
        resource(ConfigResource.Type.TOPIC, "segments"), List.of(delete("index.interval.bytes"), set("flush.messages", "5000")),
        resource(ConfigResource.Type.BROKER, ""), List.of(set("log.cleaner.threads", "2")),
        resource(ConfigResource.Type.BROKER, "1"), List.of(set("background.threads", "11")),
        resource(ConfigResource.Type.CLIENT_METRICS, "watch"), List.of(set("interval.ms", "60000")),
        resource(ConfigResource.Type.GROUP, "readers"), List.of(set("consumer.session.timeout.ms", "46000")));
    admin.incrementalAlterConfigs(alterations).all().get();
    var anna = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "anna"));
    admin.alterClientQuotas(List.of(new ClientQuotaAlteration(anna,
        List.of(new ClientQuotaAlteration.Op("producer_byte_rate", 1e8))))).all().get();
    admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("anna",
        new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), "secret"))).all().get();
  }

  private static ConfigResource resource(ConfigResource.Type type, String name) {
    return new ConfigResource(type, name);
  }

  private static AlterConfigOp set(String name, String value) {
    return new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
  }

  private static AlterConfigOp delete(String name) {
    return new AlterConfigOp(new ConfigEntry(name, null), AlterConfigOp.OpType.DELETE);
  }

  private static void transactions(String bootstrap, Random random) throws Exception {
    try (var admin = admin(bootstrap)) {
      create(admin, "transactions", 2, Map.of("segment.bytes", "1048576"));
    }
    try (var producer = producer(bootstrap, Map.of("transactional.id", "ended", "compression.type", "zstd"))) {
      producer.initTransactions();
      for (int i = 0; i < 20; ++i) {
        producer.beginTransaction();
        for (int j = 0; j < 10; ++j) producer.send(record("transactions", j % 2, 5000, random));
        if (i % 3 == 0) {
          producer.abortTransaction();
        } else {
          producer.commitTransaction();
        }
      }
    }
    var unfinished = producer(bootstrap, Map.of("transactional.id", "open", "transaction.timeout.ms", OPEN_TRANSACTION_MS));
    open.add(unfinished);
    unfinished.initTransactions();
    unfinished.beginTransaction();
    for (int i = 0; i < 5; ++i) unfinished.send(record("transactions", 0, 100, random)).get();
  }

  private static void commitOffsets(String bootstrap) {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("group.id", "readers");
    properties.put("enable.auto.commit", "false");
    try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(List.of(new TopicPartition("codecs", 0), new TopicPartition("segments", 1)));
      consumer.commitSync(Map.of(new TopicPartition("codecs", 0), new OffsetAndMetadata(17, "here"),
          new TopicPartition("segments", 1), new OffsetAndMetadata(99)), Duration.ofSeconds(SECONDS_MAX));
    }
  }

  private static void produce(String bootstrap, String codec, String topic, int partition, int count, int size,
      Random random) throws Exception {
    var sent = new ArrayList<Future<RecordMetadata>>();
    try (var producer = producer(bootstrap, Map.of("compression.type", codec))) {
      for (int i = 0; i < count; ++i) sent.add(producer.send(record(topic, partition, size, random)));
    }
    for (var one : sent) one.get();
  }

  // Half noise, half words, so that codecs have something to do.
  private static ProducerRecord<byte[], byte[]> record(String topic, int partition, int size, Random random) {
    var value = new byte[1 + random.nextInt(size)];
    for (int i = 0; i < value.length; ++i) value[i] = (byte) (i % 2 == 0 ? 'w' : random.nextInt(256));
    var key = String.valueOf(random.nextInt(1000)).getBytes(StandardCharsets.UTF_8);
    var record = new ProducerRecord<>(topic, partition, key, value);
    if (random.nextInt(4) == 0) record.headers().add(new RecordHeader("h", key));
    return record;
  }

  private static KafkaProducer<byte[], byte[]> producer(String bootstrap, Map<String, Object> extra) {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("enable.idempotence", "true");
    properties.put("linger.ms", "2");
    properties.put("delivery.timeout.ms", SECONDS_MAX * 1000);
    properties.put("max.block.ms", SECONDS_MAX * 1000);
    properties.put("reconnect.backoff.max.ms", "200");
    properties.putAll(extra);
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static Admin admin(String bootstrap) {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("default.api.timeout.ms", SECONDS_MAX * 1000);
    return Admin.create(properties);
  }
}
