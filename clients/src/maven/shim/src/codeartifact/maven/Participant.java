package codeartifact.maven;

import java.net.URI;
import java.util.List;
import javax.inject.Named;
import javax.inject.Singleton;
import org.apache.maven.AbstractMavenLifecycleParticipant;
import org.apache.maven.artifact.repository.ArtifactRepository;
import org.apache.maven.execution.MavenSession;
import org.eclipse.aether.DefaultRepositorySystemSession;
import org.eclipse.aether.RepositorySystemSession;
import org.eclipse.aether.repository.Authentication;
import org.eclipse.aether.repository.AuthenticationContext;
import org.eclipse.aether.repository.AuthenticationDigest;
import org.eclipse.aether.repository.AuthenticationSelector;
import org.eclipse.aether.repository.RemoteRepository;

/**
 * Gives repositories of CodeArtifact their token, by their URL: whatever their id, wherever they are named, mirrors and
 * places to deploy to included. An id that a stranger's POM took for itself gets nothing.
 *
 * <p>Maven 3 has two kinds of repositories. Those of the settings are made before any extension is asked, and take a
 * password at once; those of POMs are given credentials by a selector, and ask for them when they connect. Maven 4
 * has sessions of its own beside, which nobody can reach: this is for Maven 3.
 */
@Named("codeartifact")
@Singleton
public final class Participant extends AbstractMavenLifecycleParticipant {
    static final String USER = "aws";

    private final Tokens tokens = new Tokens();

    @Override
    public void afterSessionStart(MavenSession session) {
        if (session.isOffline()) {
            return;
        }
        RepositorySystemSession repositories = session.getRepositorySession();
        if (repositories instanceof DefaultRepositorySystemSession) {
            DefaultRepositorySystemSession open = (DefaultRepositorySystemSession) repositories;
            open.setAuthenticationSelector(new Selector(open.getAuthenticationSelector(), tokens, open));
        }
        fill(session.getRequest().getRemoteRepositories());
        fill(session.getRequest().getPluginArtifactRepositories());
    }

    private void fill(List<ArtifactRepository> repositories) {
        for (ArtifactRepository repository : repositories) {
            org.apache.maven.artifact.repository.Authentication set = repository.getAuthentication();
            if ((set != null && !isUnset(set.getPassword())) || !mayBeOurs(repository.getUrl())) {
                continue;
            }
            String token = tokens.of(repository.getUrl());
            if (token != null) {
                repository.setAuthentication(
                        new org.apache.maven.artifact.repository.Authentication(USER, token));
            }
        }
    }

    /** What is left of a password in the settings that names a variable of ours, where nobody has set it. */
    static boolean isUnset(String password) {
        return password != null && password.startsWith("${env.CODEARTIFACT_AUTH_TOKEN") && password.endsWith("}");
    }

    /** Whether the helper is worth asking. It decides; this only saves starting it for everybody's repositories. */
    static boolean mayBeOurs(String url) {
        try {
            String host = URI.create(url).getHost();
            return host != null && (host.contains(".codeartifact.") || host.equals("127.0.0.1") || host.equals("[::1]"));
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** What the user's settings say for an id goes first. */
    private static final class Selector implements AuthenticationSelector {
        private final AuthenticationSelector settings;
        private final Tokens tokens;
        private final RepositorySystemSession session;

        Selector(AuthenticationSelector settings, Tokens tokens, RepositorySystemSession session) {
            this.settings = settings;
            this.tokens = tokens;
            this.session = session;
        }

        @Override
        public Authentication getAuthentication(RemoteRepository repository) {
            Authentication set = settings == null ? null : settings.getAuthentication(repository);
            if (!mayBeOurs(repository.getUrl()) || (set != null && !isUnset(passwordOf(repository, set)))) {
                return set;
            }
            return new WhenConnected(repository.getUrl(), tokens);
        }

        private String passwordOf(RemoteRepository repository, Authentication set) {
            RemoteRepository asked = new RemoteRepository.Builder(repository).setAuthentication(set).build();
            try (AuthenticationContext context = AuthenticationContext.forRepository(session, asked)) {
                return context.get(AuthenticationContext.PASSWORD);
            }
        }
    }

    /** A build that finds everything in the local repository asks for no token. */
    private static final class WhenConnected implements Authentication {
        private final String url;
        private final Tokens tokens;

        WhenConnected(String url, Tokens tokens) {
            this.url = url;
            this.tokens = tokens;
        }

        @Override
        public void fill(AuthenticationContext context, String key, java.util.Map<String, String> data) {
            String token = tokens.of(url);
            if (token != null) {
                context.put(AuthenticationContext.USERNAME, USER);
                context.put(AuthenticationContext.PASSWORD, token);
            }
        }

        @Override
        public void digest(AuthenticationDigest digest) {
            digest.update("codeartifact", url);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof WhenConnected && ((WhenConnected) other).url.equals(url);
        }

        @Override
        public int hashCode() {
            return url.hashCode();
        }
    }
}
