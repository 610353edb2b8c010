// Tokens for AWS CodeArtifact, fetched when Yarn 4 needs them: asks `codeartifact-credential-helper`, keeps nothing.
// From `codeartifact-credential-helper yarn --plugin`; changes here are lost with the next version.
'use strict';

const {spawn} = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

// The program's absolute path; empty: looked for on PATH.
const PROGRAM = '';

const NAME = 'codeartifact-credential-helper';
const LONGEST_REASON = 4000;

module.exports = {
  name: 'plugin-codeartifact',
  factory: load => {
    const {MessageName, ReportError} = load('@yarnpkg/core');

    // Shown as one message, whoever catches it: in Yarn's reports as an error of theirs, elsewhere as one of usage. A
    // stack trace would hide the reason.
    const refusal = reason => {
      const error = new ReportError(MessageName.AUTHENTICATION_INVALID, `CodeArtifact: ${reason}`);
      error.clipanion = {type: 'usage'};
      return error;
    };

    const isWithin = (folder, file) => {
      const way = path.relative(folder, file);
      return way === '' || (!path.isAbsolute(way) && way.split(path.sep)[0] !== '..');
    };

    // Never a program of the project: it may be a stranger's, and it is PATH that package managers put it on.
    const find = project => {
      if (PROGRAM !== '')
        return PROGRAM;
      const file = process.platform === 'win32' ? `${NAME}.exe` : NAME;
      const folders = (process.env.PATH || '').split(path.delimiter).filter(folder => path.isAbsolute(folder));
      for (const folder of folders) {
        try {
          const program = path.join(folder, file);
          fs.accessSync(program, fs.constants.X_OK);
          const places = [program, fs.realpathSync(program)];
          const homes = project === null ? [] : [project, fs.realpathSync(project)];
          if (fs.statSync(program).isFile() && !homes.some(home => places.some(place => isWithin(home, place))))
            return program;
        } catch {
          // Not there, or not to be run: the next folder.
        }
      }
      return null;
    };

    // The header's value; `null` where the registry is not CodeArtifact's.
    const ask = (registry, project) => new Promise((resolve, reject) => {
      const program = find(project);
      const absent = reason => {
        // Other registries need no program of ours.
        const mayBeOurs = /^https?:\/\/([^/]*codeartifact|127\.0\.0\.1[:/]|\[::1\][:/])/i.test(registry);
        return mayBeOurs ? reject(refusal(reason)) : resolve(null);
      };
      if (program === null)
        return absent(`${NAME} is not on PATH, so there is no token for ${registry}`);
      const child = spawn(program, ['yarn', registry], {stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true});
      const said = {stdout: '', stderr: ''};
      for (const stream of Object.keys(said))
        child[stream].setEncoding('utf8').on('data', text => { said[stream] += text; });
      child.on('error', error => absent(`${program} cannot be run (${error.code}), so there is no token for ${registry}`));
      child.on('close', (code, signal) => {
        const reason = said.stderr.trim().replace(/^error: /, '').slice(0, LONGEST_REASON);
        if (code !== 0)
          return reject(refusal(reason || `${program} ended with ${signal || code} and gave no reason`));
        return resolve(said.stdout.trim() || null);
      });
      return undefined;
    });

    // One question for a registry and run, whoever asks and however many at a time.
    const answers = new Map();

    return {
      hooks: {
        getNpmAuthenticationHeader: async (current, registry, {configuration}) => {
          if (current)
            return current;
          if (!answers.has(registry))
            answers.set(registry, ask(registry, configuration.projectCwd));
          return (await answers.get(registry)) || current;
        },
      },
    };
  },
};
