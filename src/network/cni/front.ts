/**
 * The program that runtimes start: it passes variables and configuration to the agent's socket, and its answer back. Perl, because it
 * is there on the usual distributions (perl-base of Debian is essential) and starts in about 8 ms with its sockets; Node takes 30, and a shell has no sockets.
 */
import { supportedVersions } from './request.ts';

/** Escaped for a single-quoted text of Perl. */
const quoted = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;

/** Its text, for the agent that listens at `socket`. */
export function frontProgram(socket: string): string {
  const versions = JSON.stringify(supportedVersions);
  return `#!/usr/bin/perl
# The pod network of podwire as a CNI plugin: the agent at the other end of the socket does the work.
use strict;
use Socket;
my $path = ${quoted(socket)};
my $command = defined $ENV{CNI_COMMAND} ? $ENV{CNI_COMMAND} : '';
local $/;
my $config = <STDIN>;
$config = '' unless defined $config;
my ($version) = $config =~ /"cniVersion"\\s*:\\s*"([0-9.]{1,16})"/;
$version = '1.0.0' unless defined $version;
if ($command eq 'VERSION') {
  print qq({"cniVersion":"$version","supportedVersions":) . ${quoted(versions)} . qq(}\\n);
  exit 0;
}
sub refuse {
  my ($code, $why) = @_;
  $code = 50 if $command eq 'STATUS';
  print qq({"cniVersion":"$version","code":$code,"msg":"podwire: $why"}\\n);
  exit 1;
}
$SIG{ALRM} = sub { refuse(11, 'the agent did not answer in a minute') };
alarm 60;
socket(my $agent, PF_UNIX, SOCK_STREAM, 0) or refuse(5, 'no socket');
connect($agent, sockaddr_un($path)) or refuse(11, 'the agent does not listen: is podwire running on this node?');
my $message = join('', map { "$_=$ENV{$_}\\0" } grep { /^CNI_/ } keys %ENV) . "\\0" . $config;
$message = "\\0$message" if $message =~ /^\\0/;
while (length $message) {
  my $sent = syswrite($agent, $message);
  refuse(11, 'the agent hung up') unless $sent;
  substr($message, 0, $sent) = '';
}
shutdown($agent, 1);
my $answer = <$agent>;
refuse(11, 'the agent ended before it answered') unless defined $answer && $answer =~ s/^([01])\\n//;
my $exit = $1;
print $answer;
exit $exit;
`;
}
