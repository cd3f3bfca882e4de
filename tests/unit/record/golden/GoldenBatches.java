// Prints golden_batches.txt: batches as the record classes of Apache Kafka's kafka-clients 4.4.0 write them, one
// "name hex" a line. JARS holds kafka-clients 4.4.0 with the lz4-java, snappy-java, zstd-jni and slf4j-api it asks for.
//
//   java -cp "$JARS/*" tests/unit/record/golden/GoldenBatches.java > tests/unit/record/golden/golden_batches.txt
//
// Record i of every batch, unless said: timestamp 1700000000000 + 7 * i, key "key-i" (null when i % 3 == 2), value
// "value-i " i % 20 times (null when i % 5 == 4), i % 4 headers "h0", "h1".. with values "v0".. (the last one null).

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32C;
import java.util.zip.GZIPOutputStream;
import net.jpountz.lz4.LZ4FrameOutputStream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.xerial.snappy.Snappy;

public class GoldenBatches {
  static final long T0 = 1700000000000L;

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static SimpleRecord record(int i) {
    byte[] key = i % 3 == 2 ? null : utf8("key-" + i);
    byte[] value = i % 5 == 4 ? null : utf8(("value-" + i + " ").repeat(i % 20));
    Header[] headers = new Header[i % 4];
    for (int h = 0; h < headers.length; ++h) {
      headers[h] = new RecordHeader("h" + h, h == headers.length - 1 ? null : utf8("v" + h));
    }
    return new SimpleRecord(T0 + 7L * i, key, value, headers);
  }

  // One record of 300,000 bytes that repeat, with a small one on either side.
  static SimpleRecord bigRecord(int i) {
    return i == 1 ? new SimpleRecord(T0 + 7, utf8("big"), utf8("0123456789abcdefghijklmnopqrst".repeat(10000))) : record(i);
  }

  interface Fill {
    void to(MemoryRecordsBuilder builder);
  }

  static byte[] bytes(MemoryRecords records) {
    ByteBuffer buffer = records.buffer();
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  static byte[] build(Compression compression, TimestampType type, long appendTime, long producerId, short epoch,
                      int sequence, boolean transactional, boolean control, int leaderEpoch, Fill fill) {
    MemoryRecordsBuilder builder =
        MemoryRecords.builder(ByteBuffer.allocate(1 << 20), (byte) 2, compression, type, 0L, appendTime, producerId,
                              epoch, sequence, transactional, control, leaderEpoch);
    fill.to(builder);
    return bytes(builder.build());
  }

  static byte[] plain(Compression compression, Fill fill) {
    return build(compression, TimestampType.CREATE_TIME, -1, -1, (short) -1, -1, false, false, -1, fill);
  }

  static Fill records(int count) {
    return builder -> {
      for (int i = 0; i < count; ++i) builder.append(record(i));
    };
  }

  // A batch whose records are `uncompressed`'s, put into other bytes by a compressor that Kafka's own clients don't use.
  static byte[] repack(byte[] uncompressed, int codec, byte[] compressed) {
    ByteBuffer batch = ByteBuffer.allocate(61 + compressed.length);
    batch.put(uncompressed, 0, 61).put(compressed);
    batch.putInt(8, 61 + compressed.length - 12).putShort(21, (short) codec);
    CRC32C crc = new CRC32C();
    crc.update(batch.array(), 21, batch.array().length - 21);
    batch.putInt(17, (int) crc.getValue());
    return batch.array();
  }

  static byte[] gzip(byte[] bytes) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  static byte[] lz4(byte[] bytes, LZ4FrameOutputStream.FLG.Bits... bits) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (LZ4FrameOutputStream frame =
             new LZ4FrameOutputStream(out, LZ4FrameOutputStream.BLOCKSIZE.SIZE_256KB, bytes.length, bits)) {
      frame.write(bytes);
    }
    return out.toByteArray();
  }

  static byte[] join(byte[] first, byte[] second) {
    byte[] joined = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, joined, first.length, second.length);
    return joined;
  }

  static void print(String name, byte[] batch) {
    System.out.println(name + " " + HexFormat.of().formatHex(batch));
  }

  static void printRepacked(byte[] hundred, byte[] big) throws Exception {
    byte[] records = Arrays.copyOfRange(hundred, 61, hundred.length);
    byte[] bigRecords = Arrays.copyOfRange(big, 61, big.length);
    byte[] firstHalf = Arrays.copyOf(records, records.length / 2);
    byte[] secondHalf = Arrays.copyOfRange(records, records.length / 2, records.length);
    print("raw-snappy-100", repack(hundred, 2, Snappy.compress(records)));
    print("raw-snappy-big", repack(big, 2, Snappy.compress(bigRecords)));
    print("gzip-two-members-100", repack(hundred, 1, join(gzip(firstHalf), gzip(secondHalf))));
    print("zstd-content-size-100", repack(hundred, 4, Zstd.compress(records, 3)));
    print("zstd-two-frames-100", repack(hundred, 4, join(Zstd.compress(firstHalf), Zstd.compress(secondHalf))));
    LZ4FrameOutputStream.FLG.Bits independent = LZ4FrameOutputStream.FLG.Bits.BLOCK_INDEPENDENCE;
    LZ4FrameOutputStream.FLG.Bits size = LZ4FrameOutputStream.FLG.Bits.CONTENT_SIZE;
    LZ4FrameOutputStream.FLG.Bits blocks = LZ4FrameOutputStream.FLG.Bits.BLOCK_CHECKSUM;
    LZ4FrameOutputStream.FLG.Bits content = LZ4FrameOutputStream.FLG.Bits.CONTENT_CHECKSUM;
    print("lz4-checksums-100", repack(hundred, 3, lz4(records, independent, size, blocks, content)));
    print("lz4-checksums-big", repack(big, 3, lz4(bigRecords, independent, size, blocks)));
  }

  public static void main(String[] arguments) throws Exception {
    for (CompressionType type : CompressionType.values()) {
      Compression compression = Compression.of(type).build();
      print(type.name + "-1", plain(compression, builder -> builder.append(record(1))));
      print(type.name + "-100", plain(compression, records(100)));
      print(type.name + "-idempotent", build(compression, TimestampType.CREATE_TIME, -1, 4711, (short) 3, 2147483646,
                                             false, false, -1, records(5)));
      print(type.name + "-transactional", build(compression, TimestampType.CREATE_TIME, -1, 4711, (short) 3, 0, true,
                                                false, -1, records(5)));
      print(type.name + "-append-time", build(compression, TimestampType.LOG_APPEND_TIME, T0 + 99999, -1, (short) -1,
                                              -1, false, false, 12, records(5)));
      Fill big = builder -> {
        for (int i = 0; i < 3; ++i) builder.append(bigRecord(i));
      };
      if (type != CompressionType.NONE) print(type.name + "-big", plain(compression, big));
    }
    byte[] bigPlain = plain(Compression.NONE, builder -> {
      for (int i = 0; i < 3; ++i) builder.append(bigRecord(i));
    });
    printRepacked(plain(Compression.NONE, records(100)), bigPlain);
    for (int level : new int[] {1, 9}) print("gzip-level" + level + "-100", plain(Compression.gzip().level(level).build(), records(100)));
    for (int level : new int[] {1, 17}) print("lz4-level" + level + "-100", plain(Compression.lz4().level(level).build(), records(100)));
    for (int level : new int[] {-5, 22}) print("zstd-level" + level + "-100", plain(Compression.zstd().level(level).build(), records(100)));
    print("control-commit", build(Compression.NONE, TimestampType.CREATE_TIME, -1, 4711, (short) 3, -1, true, true, 7,
        builder -> builder.appendEndTxnMarker(T0, new EndTransactionMarker(ControlRecordType.COMMIT, 42))));
    print("control-abort", build(Compression.NONE, TimestampType.CREATE_TIME, -1, 4711, (short) 3, -1, true, true, 7,
        builder -> builder.appendEndTxnMarker(T0, new EndTransactionMarker(ControlRecordType.ABORT, 42))));
    print("control-leader-change", build(Compression.NONE, TimestampType.CREATE_TIME, -1, -1, (short) -1, -1, false,
        true, 7, builder -> builder.appendLeaderChangeMessage(T0, new LeaderChangeMessage().setLeaderId(1))));
  }
}
