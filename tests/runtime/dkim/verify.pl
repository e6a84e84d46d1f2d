# Judges the signatures of a message with Mail::DKIM, another implementation.
#
#     perl verify.pl NAME=RECORD… < message         prints a line "SELECTOR DOMAIN RESULT" for each signature
#
# The records stand in for the DNS.
use strict;
use warnings;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS;

my %records = map { split /=/, $_, 2 } @ARGV;
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub {
        my ($name) = @_;
        return unless exists $records{$name};
        return Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => [unpack '(A255)*', $records{$name}]);
    };
}
binmode STDIN;
my $verifier = Mail::DKIM::Verifier->new;
local $/;
$verifier->PRINT(<STDIN>);
$verifier->CLOSE;
print join(' ', $_->selector, $_->domain, $_->result_detail), "\n" for $verifier->signatures;
