"""Phrases that the sentence templates share, and the POS tags of words, in the notation of ``sample_templates``."""

# symbol = alternatives, the more frequent first. A frame turns a topic's clause into a sentence.
PHRASES = """
frame = {clause} . | {clause} {when} . | {clause} , {said} . | {open} , {clause} . | {that} {clause} .
    | {clause} , and {aside} . | {clause} , {said} in {city} . | {clause} , {said} {when} .
    | " {clause} , " {said} . | {that} {clause} {when} , but/CC {aside} . | {clause} , although {aside} .
    | {open} , {clause} , {said} , adding/VBG that {aside} .
grim_frame = {clause} . | {clause} {when} . | {clause} , {said} . | {open} , {clause} . | {that} {clause} .
    | {clause} , and {grim} . | {that} {clause} {when} , but/CC {grim} .
grim = the {agency} opened an inquiry | the cause was not known | {government} sent help/NN
    | {person} , who saw it , told {press} | schools in {city} stayed closed/JJ
    | {person} of {campus} treated the injured/JJ | nobody was blamed | {company} offered help/NN
timeless_frame = {clause} . | {clause} . | {clause} . | {clause} , according/VBG to {press} .
    | {press} wrote that {clause} .
plain_frame = {clause} . | {clause} . | {clause} , he said . | {clause} , officials said .
    | The report said that {clause} .
when = on {weekday} | on {weekday} | last/JJ week | this week | late/RB on {weekday} | in {month}
    | at the end of <1990-1998> | a day before {holiday} | over the weekend
open = On {weekday} | In {city} | Last/JJ month | Early/RB on {weekday}
    | For the {ordinal} time this year | On {holiday} | In {city} and {city} | Over the weekend
said = said {person} | {person} said | {source} said | {press} reported | officials said
    | {person} told {press} | said {person} , {role} | a spokesman for {group} said
    | the {adjective} government said | a source close/RB to {company} said | said {person} of {campus}
that = {person} said that | {source} said that | {press} reported that | Officials in {city} said that
    | {person} , {role} , said that | {government} announced that | Sources at {company} confirmed that
source = the {agency} | the {party} | {company} | {group} | the {adjective} government | {person} | {campus}
    | {government}
campus = {college} | the {institute} | {college}
press = the {paper} | the {paper} | {broadcaster}
role = head of the {agency} | a {adjective} lawyer | who runs {company} | a former/JJ minister
    | an analyst at {company} | the {job} of {city} | a {based} writer/NN | a professor at {campus}
    | the widow of {person} | who grew up/RP in {city}
job = mayor | coach | captain | bishop | professor | chairman | director
aside = {person} declined to comment | {source} denied it | {company} had no/DT comment | {person} disagreed
    | people in {city} doubt it | this surprised {person} | {press} called it a mistake
    | {government} is expected to follow | no/DT date was given | the news was welcomed in {city}
    | {person} called it good/JJ news
weekday = Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday
month = January | March | May/NNP | June | August | October | December
ordinal = first/JJ | second/JJ | third/JJ | fourth/JJ | fifth/JJ
number = two | three | four | six | seven | nine | eleven | <12-95> | <100-960>
money = $ <2-90> million | <2-90> million crowns | $ <1-9>.<1-9> billion | <10-900>,000 dinars | $ <100-990>
percent = <2-40> percent | <1-9>.<1-9> percent
good = steel | timber | wheat | coffee | copper | cotton | rice | salt | fish
goods = shoes | tractors | radios | bicycles | clocks | carpets
crime = fraud | murder | arson | theft | bribery
score = <3-5>-<0-2> | <1-4>-0 | <2-3>-1
level = 0-0/CD | 1-1/CD | 2-2/CD | 3-3/CD
sets = 6-<1-4>/CD 6-<0-4>/CD | 7-5/CD 6-<2-4>/CD | 6-<1-4>/CD 4-6/CD 7-5/CD
plain_who = the committee | the workers | the children | the judge | the farmers | a spokesman | the two sides
    | the passengers | the crew | most/JJS voters | the new/JJ board | the firemen | shoppers | the bank
    | the home side | the minister 's wife
plain_did = rejected | welcomed | studied | ignored | discussed | criticised | supported | feared | waited for/IN
    | argued about/IN | voted on | asked for/IN
plain_what = the plan | the {plain_adj} offer | a {plain_adj} report | the {plain_adj} {plain_noun}
    | the first/JJ {plain_noun} | the cost/NN of the {plain_noun} | {number} {plain_adj} {plain_nouns}
    | higher/JJR wages | the end of the {plain_noun} | the bridge | the old/JJ bridge near/IN the river
    | {plain_nouns} worth {money} | the {plain_noun} that/WDT had cost/VBN them their jobs
plain_adj = new/JJ | old/JJ | secret/JJ | final/JJ | cheap/JJ | early/JJ | national/JJ | unpopular/JJ | independent/JJ
plain_noun = strike | vote | budget | season | harvest | summit | election | match | hospital | inquiry | market
    | report
plain_nouns = schools | letters | houses | trains | tests | contracts
plain_when = on {weekday} | in {month} | last/JJ week | at the weekend | after/IN the vote
    | before/IN the {plain_noun} | for the {ordinal} time | because {plain_who} {plain_did} {plain_what}
    | while {plain_who} {plain_did} {plain_what}
plain_when_front = On {weekday} | After/IN a long/JJ strike | In {month} | For {number} years
    | When/WRB the rain stopped | Despite/IN the {plain_noun}
sport = football | rugby | hockey | cricket | cycling | tennis | rowing
"""

# POS tag = words
LEXICON = """
DT = a an the this
PRP = he i it nobody she them we
PRP$ = her his its their
CC = & and
CD = billion eleven four million nine seven six three two
MD = may will would
TO = to
RB = back not twice
WP = who
WP$ = whose
IN = after against at before between by for from in into near of on over towards with worth
IN^ = although because if that while
VB = be comment cut delay follow help host mark miss play sign study unload
VBZ = has is makes runs
VBP = are claim doubt talk trust were
VBD = accused admitted agreed announced approved argued arrested arrived asked banned beat blamed bought broke burst
    called came cancelled celebrated charged chose confirmed cost crashed criticised crossed declined delayed denied
    died disagreed discovered discussed drew dropped edited escaped expelled exploded exported failed faked feared
    fell fined flooded fought founded gave grew had held hit ignored jailed joined killed led left lost made marched
    married met missed moved named offered opened outplayed overtook owned passed played questioned raised reached
    recalled refused rejected reported resigned robbed rose said sailed sank saved saw scored seized sent served set
    shared shook signed slipped sold spared stayed stole stopped studied supported surprised tested told took tore
    treated unveiled voted waited was welcomed went won worked wrote
VBN = born expected given known
VBG = setting
JJ = available bankrupt closed former last new prime
NN = ambassador analyst anchor anniversary army arson attendance author backing band bank bid birth bishop board body
    bomb border boycott branch bribery bridge brother budget bus captain car career cause chairman champion coach
    coffee committee compass contract copper cotton court cricket crop cycling date dawn day defeat digest director
    drought earthquake election embassy end envoy ferry field film final fire fish fisherman fleet football fraud
    government grant halftime harm harvest head help hockey home hospital house injury inquiry judge knee lantern
    lawyer leader leg letter man market marsh match mayor minister mistake month moth murder news novelist offer
    office orbit orchestra parliament penalty percent place plan plant point portrait press price prison probe
    professor profit rain rate reason record referee report request rice rival river roof round rowing rugby sale salt
    save season side signal singer snow son source spokesman sprinter stake steel stone storm street strike striker
    summit target team telescope tennis test theft timber time tour trial vaccine victory vote water week weekend
    wheat widow wife wind winner winter world wreck yacht year
NNS = assets banks bicycles carpets champions children clocks contracts crew crowns degrees details detectives dinars
    divers dockers doctors doors drugs fans farmers fears firemen flights fossils goods gunmen houses jobs kilos
    letters loans markets matches miles months officials organisers passengers patients people points police prices
    radios rebels results rivals sales schools scientists scorers seats sets shares shoes shoppers sides sons sources
    standings talks tests thieves thousands tonnes tractors trains visitors voters wages workers years
, = ,
. = .
: = - : ;
( = (
) = )
$ = $
POS = 's
"""
