import java.io.FileInputStream;
import java.util.List;
import org.apache.maven.settings.Repository;
import org.apache.maven.settings.Settings;
import org.apache.maven.settings.io.xpp3.SettingsXpp3Reader;

/** Prints what Maven's own reader sees in settings files. */
class ReadSettings {
    public static void main(String[] files) throws Exception {
        for (String file : files) {
            try (FileInputStream in = new FileInputStream(file)) {
                Settings settings = new SettingsXpp3Reader().read(in, false);
                line("file");
                settings.getMirrors().forEach(m -> line("mirror", m.getId(), m.getUrl(), m.getMirrorOf()));
                settings.getServers().forEach(s -> line("server", s.getId(), s.getUsername(), s.getPassword()));
                settings.getProfiles().forEach(p -> {
                    line("profile", p.getId());
                    repositories("repository", p.getRepositories());
                    repositories("pluginRepository", p.getPluginRepositories());
                });
                settings.getActiveProfiles().forEach(id -> line("active", id));
            }
        }
    }

    static void repositories(String kind, List<Repository> repositories) {
        repositories.forEach(r -> line(kind, r.getId(), r.getUrl()));
    }

    static void line(String... words) {
        for (int at = 0; at < words.length; at++) {
            // A mirror is of nothing and a repository at nowhere by Maven's own defaults.
            words[at] = words[at] == null ? "" : words[at];
        }
        System.out.println(String.join("|", words));
    }
}
