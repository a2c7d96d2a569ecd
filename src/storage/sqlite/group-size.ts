/** Some 2 ms of the writer, which others wait for; a flush of its own for each would cost no more than that (037). */
export const GROUP_SIZE = 200;
