// Runs DumpLogSegments over many files in one process, each by itself, so that one file that it stumbles over hides no
// other. Standard input: a line a file, its options first, words parted by tabs. Standard output: "=== FILE", then what
// the tool printed.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Arrays;
import org.apache.kafka.tools.DumpLogSegments;

public final class DumpAll {
  public static void main(String[] arguments) throws Exception {
    System.setErr(System.out);
    var input = new BufferedReader(new InputStreamReader(System.in));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] words = line.split("\t");
      System.out.println("=== " + words[words.length - 1]);
      String[] options = Arrays.copyOf(words, words.length + 1);
      options[words.length] = words[words.length - 1];
      options[words.length - 1] = "--files";
      try {
        DumpLogSegments.main(options);
      } catch (Exception error) {
        System.out.println("Exception: " + error);
      }
    }
  }
}
