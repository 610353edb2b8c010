# frozen_string_literal: true

# written by `cargo codeartifact configure`; `--undo` takes it back
#
# `gem` loads this where RUBYLIB names its folder. What is sent to a CodeArtifact repository gets a token, which the
# credential program is asked for once per host; nothing else is touched, and nothing is kept.

require 'rubygems/request'

# A token for each request to a CodeArtifact repository.
module CodeArtifactRequest
  HELPER = 'codeartifact-credential-helper'
  LOOPBACK = ['127.0.0.1', '[::1]', 'localhost'].freeze
  @tokens = {}

  # The token for a URL, or nothing where it is not the credential program's business.
  def self.token(uri)
    host = uri.host.to_s
    return unless host.include?('codeartifact') || LOOPBACK.include?(host)

    place = uri.dup.tap { |url| url.query = url.userinfo = nil }
    @tokens.fetch("#{host}:#{uri.port}") { |origin| @tokens[origin] = ask(place.to_s) }
  end

  # It answers with a line of a netrc file: machine HOST login USER password TOKEN.
  def self.ask(url)
    IO.popen([HELPER, 'netrc', url], &:read).split[5]
  rescue SystemCallError => e
    warn "CodeArtifact: #{e.message}"
  end

  # Credentials in the source's URL, or an API key that says how it is sent, come first.
  def perform_request(request)
    unless request['authorization'].to_s.start_with?('Basic ', 'Bearer ')
      token = CodeArtifactRequest.token(@uri)
      request.basic_auth('aws', token) if token
    end
    super
  end
end

Gem::Request.prepend(CodeArtifactRequest)
