package codeartifact.maven;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tokens from the credential helper, each asked for once in a run and kept in memory only. Which program that is, only
 * PATH says: a property could be set by the project that is built.
 */
final class Tokens {
    private static final String HELPER = "codeartifact-credential-helper";
    private static final Logger LOG = LoggerFactory.getLogger("codeartifact");

    private final Map<String, String> answers = new HashMap<>();

    /** The token for a repository; null where the URL is another's, or there is none, which was said then. */
    synchronized String of(String url) {
        if (!answers.containsKey(url)) {
            answers.put(url, ask(url));
        }
        return answers.get(url);
    }

    private static String ask(String url) {
        try {
            Process helper = new ProcessBuilder(HELPER, "netrc", url).start();
            helper.getOutputStream().close();
            String answer = read(helper.getInputStream());
            // A few lines, which fit into the pipe until here.
            String reason = read(helper.getErrorStream());
            if (helper.waitFor() == 0) {
                // `machine HOST login aws password TOKEN`, or nothing.
                return answer.isEmpty() ? null : answer.substring(answer.lastIndexOf(' ') + 1);
            }
            LOG.error("no CodeArtifact token for {}: {}", url, reason);
        } catch (IOException e) {
            LOG.error("no CodeArtifact token for {}: {}", url, e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return null;
    }

    private static String read(InputStream stream) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        byte[] chunk = new byte[4096];
        for (int length = stream.read(chunk); length >= 0; length = stream.read(chunk)) {
            bytes.write(chunk, 0, length);
        }
        return new String(bytes.toByteArray(), StandardCharsets.UTF_8).trim();
    }
}
