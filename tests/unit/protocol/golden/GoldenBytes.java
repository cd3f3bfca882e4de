// Prints messages as Apache Kafka 4.4.0's own classes encode them, one a line:
//
//   name TAB version TAB hex of the bytes TAB JSON of Kafka's converter
//
// The values are pseudo-random and the same on every machine. golden_bytes.txt, which the tests of src/protocol read, is
// its output, made with the jars of Kafka's libs folder in the current directory and the folder of our schema headers,
// whose numbers say which APIs are wanted:
//
//   java -cp kafka-clients-4.4.0.jar:kafka-metadata-4.4.0.jar:jackson-annotations-2.21.jar:jackson-core-2.21.7.jar:\
//   jackson-databind-2.21.7.jar:slf4j-api-1.7.36.jar GoldenBytes.java \
//   src/protocol/schema > golden_bytes.txt
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.ArrayOf;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.CompactArrayOf;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

public class GoldenBytes {
  static final String[] CONTROL = {
    "LeaderChangeMessage", "SnapshotHeaderRecord", "SnapshotFooterRecord", "KRaftVersionRecord", "VotersRecord",
    "EndTxnMarker"
  };
  static final String[] METADATA = {
    "RegisterBroker", "UnregisterBroker", "Topic", "Partition", "Config", "PartitionChange", "FenceBroker",
    "UnfenceBroker", "RemoveTopic", "DelegationToken", "UserScramCredential", "FeatureLevel", "ClientQuota",
    "ProducerIds", "BrokerRegistrationChange", "AccessControlEntry", "RemoveAccessControlEntry", "NoOp",
    "ZkMigrationState", "RemoveUserScramCredential", "BeginTransaction", "EndTransaction", "AbortTransaction",
    "RemoveDelegationToken", "RegisterController", "ClearElr", "UnregisterController"
  };

  // How much of a message is there.
  enum Fill { EMPTY, FULL, CHANCE }

  final Random random;
  final Fill fill;

  GoldenBytes(Random random, Fill fill) {
    this.random = random;
    this.fill = fill;
  }

  boolean present(int of) {
    return fill == Fill.FULL || (fill == Fill.CHANCE && random.nextInt(of) != 0);
  }

  // Small, negative and extreme numbers about as often as any others.
  long number(int bits) {
    if (fill == Fill.EMPTY) return 0;
    long max = bits == 64 ? Long.MAX_VALUE : (1L << (bits - 1)) - 1;
    return switch (random.nextInt(6)) {
      case 0 -> random.nextInt(100);
      case 1 -> -1;
      case 2 -> max;
      case 3 -> -max - 1;
      default -> random.nextLong() >> (64 - bits);
    };
  }

  String text() {
    if (!present(8)) return "";
    String alphabet = "abcdefghijklmnop-._019\"\\\t\u00e9\u96ea";
    StringBuilder out = new StringBuilder();
    for (int i = 1 + random.nextInt(6); i > 0; --i) out.append(alphabet.charAt(random.nextInt(alphabet.length())));
    return out.toString();
  }

  byte[] bytes(int max) {
    byte[] out = new byte[present(8) ? random.nextInt(max) : 0];
    random.nextBytes(out);
    return out;
  }

  Object[] array(Type element) {
    Object[] out = new Object[fill == Fill.FULL ? 2 : present(5) ? 1 + random.nextInt(2) : 0];
    for (int i = 0; i < out.length; ++i) out[i] = value(element);
    return out;
  }

  Object value(Type type) {
    if (type.isNullable() && !present(3)) return null;
    if (type instanceof Schema schema) return struct(schema);
    if (type instanceof ArrayOf of) return array(of.arrayElementType().get());
    if (type instanceof CompactArrayOf of) return array(of.arrayElementType().get());
    if (type instanceof TaggedFields tagged) {
      TreeMap<Integer, Object> values = new TreeMap<>();
      for (var entry : tagged.fields().entrySet()) {
        if (present(3)) values.put(entry.getKey(), value(entry.getValue().type));
      }
      return values;
    }
    String name = type.toString();
    return switch (name.replace("COMPACT_", "").replace("NULLABLE_", "")) {
      case "BOOLEAN" -> random.nextBoolean();
      case "INT8" -> (byte) number(8);
      case "INT16" -> (short) number(16);
      case "UINT16" -> random.nextInt(1 << 16);
      case "INT32" -> (int) number(32);
      case "UINT32" -> random.nextLong() & 0xffffffffL;
      case "INT64" -> number(64);
      case "FLOAT64" -> random.nextInt(1000) / 8.0 - 20;
      case "UUID" -> fill == Fill.EMPTY ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
      case "STRING" -> text();
      case "BYTES" -> ByteBuffer.wrap(bytes(12));
      case "RECORDS" -> MemoryRecords.readableRecords(ByteBuffer.wrap(bytes(40)));
      default -> throw new IllegalStateException("no value for the type " + name);
    };
  }

  Struct struct(Schema schema) {
    Struct out = new Struct(schema);
    for (BoundField field : schema.fields()) out.set(field, value(field.def.type));
    return out;
  }

  // The bytes come from the message class: the schema only makes up values for it to read.
  static void print(String name, String className, int maxVersion) throws Exception {
    Class<?> type = Class.forName(className);
    Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
    String converterName = className.replaceFirst("^(.*)$", "$1JsonConverter");
    Method toJson = Class.forName(converterName).getMethod("write", type, short.class, boolean.class);
    for (short version = 0; version < schemas.length && version <= maxVersion; ++version) {
      if (schemas[version] == null) continue;
      Fill[] fills = {Fill.EMPTY, Fill.FULL, Fill.CHANCE, Fill.CHANCE, Fill.CHANCE};
      TreeMap<String, String> lines = new TreeMap<>();
      for (int i = 0; i < fills.length; ++i) {
        // Close seeds give close first numbers: spread them.
        Random random = new Random((name.hashCode() * 1000L + version * 10L + i) * 0x9e3779b97f4a7c15L);
        Struct struct = new GoldenBytes(random, fills[i]).struct(schemas[version]);
        ByteBuffer raw = ByteBuffer.allocate(struct.sizeOf());
        struct.writeTo(raw);
        raw.flip();
        Message message = (Message) type.getDeclaredConstructor().newInstance();
        message.read(new ByteBufferAccessor(raw), version);
        ByteBuffer encoded = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = Arrays.copyOfRange(encoded.array(), encoded.arrayOffset(), encoded.arrayOffset() + encoded.limit());
        lines.put(HexFormat.of().formatHex(bytes), toJson.invoke(null, message, version, false).toString());
      }
      for (var line : lines.entrySet()) {
        System.out.println(name + "\t" + version + "\t" + line.getKey() + "\t" + line.getValue());
      }
    }
  }

  // Ascending by key: the headers are named NN_name.h.
  static List<ApiMessageType> wanted(Path schemas) throws Exception {
    try (Stream<Path> files = Files.list(schemas)) {
      return files.map(file -> file.getFileName().toString())
          .filter(name -> name.matches("\\d+_.*\\.h"))
          .map(name -> Short.valueOf(name.substring(0, name.indexOf('_'))))
          .sorted()
          .map(ApiMessageType::fromApiKey)
          .toList();
    }
  }

  public static void main(String[] args) throws Exception {
    System.setOut(new java.io.PrintStream(System.out, true, "UTF-8"));
    String messages = "org.apache.kafka.common.message.";
    print("RequestHeader", messages + "RequestHeaderData", 100);
    print("ResponseHeader", messages + "ResponseHeaderData", 100);
    for (ApiMessageType api : wanted(Path.of(args[0]))) {
      int maxVersion = api.highestSupportedVersion(false);
      print(api.name + "Request", messages + api.name + "RequestData", maxVersion);
      print(api.name + "Response", messages + api.name + "ResponseData", maxVersion);
    }
    for (String name : CONTROL) print(name, messages + name, 100);
    for (String name : METADATA) print(name + "Record", "org.apache.kafka.common.metadata." + name + "Record", 100);
  }
}
